import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { codeOf, filesBelow, importedNames, librarySources, projectRoot, readText } from "../_support/source_text.ts";

/**
 * The house: every room, and the rooms its files may import besides their own. Rooms of one floor stand from the ground
 * up. A file at the top of a floor is a room of its own. Session and http meet in the doors only.
 */
const rooms: Readonly<Record<string, string>> = {
  "internal": "",
  "internal/x509": "internal",

  "ffi/constants": "internal",
  "ffi/runtime": "internal",
  "ffi/memory": "ffi/constants ffi/runtime internal",
  "ffi/tables": "ffi/constants ffi/memory ffi/runtime internal",
  "ffi/attributes": "ffi/constants ffi/memory ffi/runtime internal",
  "ffi/workers": "ffi/memory ffi/runtime ffi/tables internal",
  "ffi/engine": "ffi/constants ffi/memory ffi/runtime ffi/tables ffi/workers internal",
  "ffi/operations": "ffi/attributes ffi/constants ffi/engine ffi/memory ffi/runtime ffi/tables ffi/workers internal",
  "ffi/inspection.ts": "ffi/attributes ffi/memory ffi/tables ffi/workers internal",
  "ffi/mod.ts":
    "ffi/attributes ffi/constants ffi/engine ffi/inspection.ts ffi/memory ffi/runtime ffi/tables ffi/workers",

  "session/function_actions.ts": "",
  "session/errors.ts": "ffi/constants ffi/tables internal session/function_actions.ts",
  "session/uri": "ffi/constants ffi/memory session/errors.ts",
  "session/pins": "ffi/memory internal session/uri",
  "session/config": "ffi/runtime internal session/errors.ts",
  "session/log_calls": "ffi/constants ffi/engine ffi/memory ffi/runtime ffi/tables ffi/workers internal",
  "session/mechanisms": "ffi/constants ffi/memory internal",
  "session/attributes": "ffi/attributes ffi/constants ffi/memory internal internal/x509 session/errors.ts",
  "session/managed":
    "ffi/constants ffi/engine ffi/memory ffi/operations ffi/runtime ffi/tables ffi/workers internal session/errors.ts session/log_calls",
  "session/core":
    "ffi/constants ffi/engine ffi/memory ffi/operations ffi/tables ffi/workers session/attributes session/errors.ts session/managed internal",
  "session/keys/forms": "ffi/constants ffi/memory internal internal/x509 session/attributes",
  "session/keys":
    "ffi/constants ffi/engine ffi/memory ffi/operations ffi/tables internal internal/x509 session/attributes session/errors.ts session/keys/forms session/mechanisms",
  "session/tokens":
    "ffi/constants ffi/engine ffi/memory ffi/operations ffi/tables internal session/attributes session/core session/errors.ts session/keys session/keys/forms session/log_calls session/managed session/mechanisms session/uri",
  "session/groups":
    "ffi/constants ffi/memory internal session/core session/errors.ts session/keys/forms session/tokens",
  "session/signer":
    "ffi/constants ffi/engine ffi/memory internal session/attributes session/core session/errors.ts session/groups session/keys session/keys/forms session/mechanisms session/tokens session/uri",
  "session/certificates":
    "ffi/constants ffi/engine ffi/memory internal session/core session/errors.ts session/keys session/keys/forms session/mechanisms session/signer session/tokens",
  "session/registered_modules.ts":
    "internal session/config session/errors.ts session/log_calls session/managed session/tokens",
  "session/trust":
    "ffi/constants internal internal/x509 session/attributes session/config session/errors.ts session/keys/forms session/registered_modules.ts session/tokens",
  "session/find_by_uri.ts":
    "ffi/constants ffi/memory internal session/attributes session/core session/errors.ts session/pins session/registered_modules.ts session/tokens session/uri",
  "session/tls":
    "ffi/constants ffi/memory ffi/operations ffi/runtime ffi/tables ffi/workers internal internal/x509 session/core session/errors.ts session/find_by_uri.ts session/keys/forms session/registered_modules.ts session/tokens session/uri",
  "session/inspection.ts":
    "ffi/constants internal session/core session/keys session/signer session/tls session/tokens session/uri",

  "http/protocol": "internal",
  "http/errors.ts": "http/protocol internal",
  "http/codings": "http/errors.ts http/protocol internal",
  "http/storage": "http/errors.ts internal",
  "http/transports": "http/errors.ts http/protocol internal internal/x509",
  "http/transports/fetch": "http/codings http/errors.ts http/protocol http/transports internal internal/x509",
  "http/transports/h2/wire": "http/errors.ts http/protocol http/transports internal",
  "http/transports/h2": "http/errors.ts http/protocol http/transports http/transports/h2/wire internal",
  "http/transports/node": "http/errors.ts http/protocol http/transports http/transports/h2 internal internal/x509",
  "http/transports/choice": "http/errors.ts http/transports http/transports/fetch http/transports/node internal",
  "http/message": "http/errors.ts http/protocol http/transports internal",
  "http/contract": "http/errors.ts http/message http/protocol http/transports internal",
  "http/pool": "http/message http/protocol http/transports internal",
  "http/streams": "http/codings http/contract http/message http/protocol internal",
  "http/queue":
    "http/contract http/errors.ts http/message http/pool http/protocol http/transports http/transports/choice internal",
  "http/attempt":
    "http/codings http/contract http/errors.ts http/message http/protocol http/queue http/transports http/transports/choice internal",
  "http/features": "http/codings http/contract http/errors.ts http/message http/protocol internal",
  "http/features/auth": "http/contract http/message http/protocol http/transports internal",
  "http/features/auth/ntlm": "http/features/auth internal",
  "http/features/cache": "http/contract http/message http/protocol http/storage http/transports internal",
  "http/features/cookies": "http/contract http/message http/protocol http/storage http/transports internal",
  "http/features/hsts": "http/contract http/message http/storage internal",
  "http/features/logging": "http/codings http/contract http/message http/protocol http/transports internal",
  "http/features/proxies": "http/contract http/message http/protocol http/transports internal",
  "http/features/signatures": "http/contract http/errors.ts http/message http/protocol http/transports internal",
  "http/features/signatures/aws":
    "http/contract http/errors.ts http/features/signatures http/message http/transports internal",
  "http/features/signatures/jose":
    "http/contract http/features/signatures http/message http/protocol http/transports internal",
  "http/features/sniffing": "http/codings http/contract http/message http/protocol internal",
  "http/stores":
    "http/contract http/features http/features/cache http/features/cookies http/features/hsts http/storage internal",
  "http/fetch":
    "http/attempt http/contract http/errors.ts http/features/cache http/message http/pool http/protocol http/queue http/transports http/transports/fetch internal",
  "http/websocket": "http/attempt http/errors.ts http/message http/protocol http/queue http/transports internal",
  "http/sync":
    "http/attempt http/contract http/errors.ts http/features http/features/sniffing http/message http/protocol http/queue http/transports http/transports/choice internal",
  "http/session":
    "http/attempt http/contract http/errors.ts http/features http/features/auth http/features/auth/ntlm http/features/proxies http/fetch http/message http/pool http/protocol http/queue http/sync http/transports http/transports/choice http/websocket internal",
  "http/inspection.ts":
    "http/contract http/errors.ts http/features http/features/auth http/features/auth/ntlm http/features/cache http/features/cookies http/features/hsts http/features/logging http/features/proxies http/features/signatures http/features/signatures/aws http/features/signatures/jose http/features/sniffing http/message http/protocol http/session http/stores http/streams http/transports http/transports/fetch http/transports/node http/websocket internal",
  "http/sync_worker.ts":
    "http/contract http/features http/features/sniffing http/message http/session http/sync http/transports internal",

  "webcrypto/contract":
    "ffi/constants ffi/memory internal session/attributes session/errors.ts session/keys session/keys/forms session/mechanisms session/tokens",
  "webcrypto/keys":
    "ffi/constants internal session/attributes session/keys/forms session/mechanisms webcrypto/contract",
  "webcrypto/algorithms":
    "ffi/constants internal session/attributes session/errors.ts session/keys session/keys/forms session/mechanisms session/signer session/tokens webcrypto/contract webcrypto/keys",
  "webcrypto":
    "ffi/constants ffi/memory internal session/attributes session/errors.ts session/find_by_uri.ts session/keys session/keys/forms session/mechanisms session/tokens session/uri webcrypto/algorithms webcrypto/contract",

  // A door over both floors: it watches, and joins nothing.
  "opentelemetry":
    "ffi/constants ffi/memory http/contract http/features/logging http/message http/protocol http/transports internal session/tokens",

  "pkcs11js/constants": "ffi/constants",
  "pkcs11js":
    "ffi/attributes ffi/constants ffi/engine ffi/memory ffi/operations ffi/runtime ffi/tables internal pkcs11js/constants session/core session/errors.ts session/managed",

  "cli/terminal": "internal",
  "cli/contract": "cli/terminal",
  "cli/tokens":
    "cli/contract cli/terminal ffi/constants ffi/memory internal session/attributes session/certificates session/core session/errors.ts session/find_by_uri.ts session/log_calls session/mechanisms session/keys session/keys/forms session/pins session/registered_modules.ts session/tokens session/uri",
  "cli/completions": "cli/contract",
  "cli/commands":
    "cli/completions cli/contract cli/terminal cli/tokens ffi/constants ffi/memory http/features/proxies http/features/signatures http/message http/protocol http/session http/transports internal session/attributes session/certificates session/core session/errors.ts session/find_by_uri.ts session/keys/forms session/signer session/tls session/tokens session/trust session/uri",
  "cli/table": "cli/commands cli/contract",
  "cli": "cli/contract cli/table cli/terminal http/protocol internal",
};

/** What leads into the house: each imports what it hands on, and nobody imports it but a door above. */
const doors: Readonly<Record<string, readonly string[]>> = {
  "session/mod.ts": ["session", "ffi"],
  "http/mod.ts": ["http", "internal"],
  "mod.ts": ["session/mod.ts", "http/mod.ts"],
  "cli.ts": ["cli"],
};

/** The npm libraries, and the floors that use them. */
const libraries: Record<string, readonly string[]> = {
  session: ["@noble/curves", "@noble/post-quantum"],
  opentelemetry: ["@opentelemetry/api"],
  http: ["@gp11/ws", "@noble/curves", "@redis/client", "http-cache-semantics", "structured-headers", "tough-cookie"],
};

/** The libraries of others that examples show at work with this one. */
const shown: readonly string[] = [
  "@opentelemetry/api",
  "@opentelemetry/context-async-hooks",
  "@opentelemetry/sdk-trace-base",
  "aws4fetch",
  "oauth4webapi",
];

/** Rooms whose things are round, so that their files name each other's types: a session has a slot, a slot opens sessions. */
const roundRooms: readonly string[] = ["session/tokens", "session/attributes"];

const filesInARoom = 22;

/**
 * The only files that may name a runtime: one tells which it is, one is the process around the command line, and the rooms
 * of those who use what it alone has.
 */
function mayNameRuntime(file: string): boolean {
  return file === "internal/runtime.ts" || file === "cli/process_surroundings.ts" || file.startsWith("ffi/runtime/") ||
    file.startsWith("http/transports/");
}

/** The sources but for those that say once more, in order, what the others of an entry import: a test compares them. */
function orderlessSources(): readonly string[] {
  return librarySources().filter((file) => !file.endsWith("/load_order.ts"));
}

/** The floor a path stands on, or the path itself at the root. */
function floorOf(path: string): string {
  return path.split("/")[0]!;
}

/** The room a file stands in: its folder, or itself at the top of a floor. */
function roomOf(path: string): string {
  const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")));
  return ["", "ffi", "session", "http"].includes(folder) ? path : folder;
}

function resolved(file: string, name: string): string {
  return decodeURIComponent(new URL(name, new URL(file, projectRoot)).href.slice(projectRoot.href.length));
}

function importsOf(file: string): readonly string[] {
  return importedNames(readText(file)).filter((name) => name.startsWith(".")).map((name) => resolved(file, name));
}

/** What a file loads: type imports are gone when it runs. */
function loadedBy(file: string): readonly string[] {
  const code = readText(file).replace(/^(?:import|export) type\b[^;]*;/gm, "")
    .replace(/^(?:import|export) \{\s*(?:type [^,}]+,?\s*)+\} from[^;]*;/gm, "");
  return importedNames(code).filter((name) => name.startsWith(".")).map((name) => resolved(file, name));
}

function mayImport(file: string, target: string): boolean {
  const [room, other] = [roomOf(file), roomOf(target)];
  const door = doors[room];
  if (target.endsWith("/load_order.ts")) return file === target.replace("load_order", "mod");
  if (door !== undefined) return door.includes(other) || door.includes(floorOf(target));
  return room === other || rooms[room]?.split(" ").includes(other) === true;
}

/** The first way round that leads back to where it began; empty where there is none. */
function circleIn(arrows: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): readonly string[] => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return [];
    path.push(node);
    for (const next of arrows.get(node) ?? []) {
      const circle = visit(next);
      if (circle.length > 0) return circle;
    }
    path.pop();
    done.add(node);
    return [];
  };
  for (const node of arrows.keys()) {
    const circle = visit(node);
    if (circle.length > 0) return circle;
  }
  return [];
}

describe("the library's sources", () => {
  it("stand in rooms that the table knows, and import what the table lets them", () => {
    const wrong = orderlessSources().flatMap((file) => {
      const room = roomOf(file);
      if (rooms[room] === undefined && doors[room] === undefined) return [`${room} is no room of the table`];
      return importsOf(file).filter((target) => !mayImport(file, target)).map((target) => `${file} imports ${target}`);
    });
    assertEquals(wrong, []);
  });

  it("use each import that the table lets them", () => {
    const used = new Map<string, Set<string>>();
    for (const file of orderlessSources()) {
      const targets = used.get(roomOf(file)) ?? new Set();
      for (const target of importsOf(file)) targets.add(roomOf(target));
      used.set(roomOf(file), targets);
    }
    const unused = Object.entries(rooms).flatMap(([room, below]) =>
      below.split(" ").filter((each) => each !== "" && !used.get(room)?.has(each)).map((each) => `${room}: ${each}`)
    );
    assertEquals(unused, []);
  });

  it("stand in rooms that form no circle", () => {
    const arrows = new Map(Object.entries(rooms).map(([room, below]) => [room, below === "" ? [] : below.split(" ")]));
    for (const [room, below] of arrows) assertEquals(below.filter((each) => !arrows.has(each)), [], room);
    assertEquals(circleIn(arrows), []);
  });

  it("load each other in no circle, but in the rooms whose things are round", () => {
    const files = librarySources().filter((file) => !roundRooms.includes(roomOf(file)));
    assertEquals(circleIn(new Map(files.map((file) => [file, loadedBy(file)]))), []);
  });

  it(`are at most ${filesInARoom} in a room`, () => {
    const counts = new Map<string, number>();
    const files = [...librarySources(), ...filesBelow("tools"), ...filesBelow("bench")];
    for (const file of files) counts.set(roomOf(file), (counts.get(roomOf(file)) ?? 0) + 1);
    assertEquals([...counts].filter(([, count]) => count > filesInARoom), []);
  });

  it("import no library but those that the manifest names, each on its floor", () => {
    const wrong = librarySources().flatMap((file) =>
      importedNames(readText(file))
        .filter((name) => !/^\.\.?\/|^node:|^bun:/.test(name))
        .filter((name) =>
          !libraries[floorOf(file)]?.some((library) => name === library || name.startsWith(`${library}/`))
        )
        .map((name) => `${file} imports ${name}`)
    );
    assertEquals(wrong, []);
  });

  it("name a runtime only in the rooms made for it", () => {
    const wrong = librarySources().filter((file) => !mayNameRuntime(file)).flatMap((file) => {
      const source = readText(file);
      const modules = importedNames(source).filter((name) => /^bun:|^node:ffi$/.test(name));
      // A property called so (`runtimes.deno`, `{ Deno: 1 }`) is no use of the runtime.
      const globals = codeOf(source).match(/(?<![\w$#.])(?:globalThis\??\.)?(?:Deno|Bun)\b(?=\s*[.?[!=)])/g) ?? [];
      const symbols = source.match(/Symbol\.for\("(?:Deno|Bun|nodejs)\.[^"]*"\)/g) ?? [];
      return [...modules, ...globals, ...symbols].map((name) => `${file} names ${name}`);
    });
    assertEquals(wrong, []);
  });

  it("are imported by examples through the public entries only", () => {
    const wrong = filesBelow("examples").flatMap((file) =>
      importedNames(readText(file))
        .map((name) => name.startsWith(".") ? resolved(file, name) : name)
        .filter((name) => !/^node:|^@gp11\/gp11|^@std\/|^examples\/|^mod\.ts$|^(session|http|ffi)\/mod\.ts$/.test(name))
        .filter((name) => !shown.includes(name))
        .map((name) => `${file} imports ${name}`)
    );
    assertEquals(wrong, []);
  });
});
