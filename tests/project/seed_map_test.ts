import { assert, assertEquals } from "@std/assert";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import * as library from "@gp11/gp11";
import { readSeedMap } from "../../tools/seed_map.ts";
import { publicNames } from "../_support/public_names.ts";
import { projectRoot, readText } from "../_support/source_text.ts";

const sections = readSeedMap();
const rows = [...sections.values()].flat();

/** The manuals' own names, which the map must all hold. */
const manualRows: Record<string, string[]> = {
  "GP11Session": [
    "GP11Session",
    ...["from_handle", "get_module", "get_slot", "get_handle", "get_info", "info_free"].map((name) =>
      `gp11_session_${name}`
    ),
    ...["login", "logout", "encrypt", "decrypt", "sign", "verify"].flatMap((name) =>
      ["", "_full", "_async", "_finish"].map((form) => `gp11_session_${name}${form}`)
    ),
    ...["create_object", "find_objects"].flatMap((name) =>
      ["", "_async", "_finish"].map((form) => `gp11_session_${name}${form}`)
    ),
    ...["GP11SessionInfo", "GP11Mechanism", "handle", "module", "slot", "discard-handle"],
    ...["gp11_module_set_pool_sessions", "gp11_slot_open_session"],
  ],
  "SoupSession": [
    ...["SoupSession", "SoupSessionCallback"],
    ...["queue", "requeue", "send", "cancel", "redirect", "pause", "unpause"].map((name) =>
      `soup_session_${name}_message`
    ),
    ...["prepare_for_uri", "abort", "would_redirect", "get_async_context"].map((name) => `soup_session_${name}`),
    ...["add_feature", "remove_feature"].flatMap((name) => [`soup_session_${name}`, `soup_session_${name}_by_type`]),
    ...["get_features", "get_feature", "get_feature_for_message"].map((name) => `soup_session_${name}`),
    ...[
      "PROXY_URI",
      "MAX_CONNS",
      "MAX_CONNS_PER_HOST",
      "USE_NTLM",
      "SSL_CA_FILE",
      "ASYNC_CONTEXT",
      "TIMEOUT",
      "IDLE_TIMEOUT",
      "USER_AGENT",
      "ADD_FEATURE",
      "ADD_FEATURE_BY_TYPE",
      "REMOVE_FEATURE_BY_TYPE",
      "ACCEPT_LANGUAGE",
      "ACCEPT_LANGUAGE_AUTO",
      "SSL_STRICT",
      "HTTP_ALIASES",
      "HTTPS_ALIASES",
    ].flatMap((name) => [`SOUP_SESSION_${name}`, name.toLowerCase().replaceAll("_", "-")]),
    ...["ssl-use-system-ca-file", "tls-database", "use-thread-context"],
    ...["authenticate", "connection-created", "request-queued", "request-started", "request-unqueued", "tunneling"],
  ],
  "Managed modules": [
    "an independent wrapped module for each caller",
    "unmanaged if the caller says so",
    "unmanaged if the configuration says so",
    "C_Initialize called by many callers",
    "C_Initialize called concurrently from different threads",
    "C_Finalize called by many callers",
    "C_Finalize called concurrently from different threads",
    "C_CloseAllSessions closes the caller's sessions only",
    "log-calls",
  ],
};

describe("the seed map", () => {
  for (const [manual, expected] of Object.entries(manualRows)) {
    it(`holds every row of ${manual}`, () => {
      const present = new Set(sections.get(manual)?.map((row) => row.manual));
      assertEquals(expected.filter((name) => !present.has(name)), []);
    });
  }

  it("names public members that exist", () => {
    const exported = publicNames("mod.ts");
    const missing = rows.flatMap((row) =>
      row.members.filter((member) => !exists(member, exported)).map((member) => `${row.manual}: ${member}`)
    );
    assertEquals(missing, []);
  });

  it("names tests that stand in their files", () => {
    const missing = rows.filter(({ test }) => test && !holds(test.file, test.name))
      .map((row) => `${row.manual}: ${row.test?.file}: ${row.test?.name}`);
    assertEquals(missing, []);
  });

  it("names the runtimes of every row", () => {
    for (const row of rows) {
      assert(row.runtimes.length > 0, row.manual);
      assertEquals(row.runtimes.filter((name) => !["deno", "bun", "node"].includes(name)), [], row.manual);
    }
  });

  it("has a test for every row", () => {
    assertEquals(rows.filter((row) => row.test === null).map((row) => row.manual), []);
  });
});

function holds(file: string, testName: string): boolean {
  return existsSync(new URL(file, projectRoot)) && readText(file).includes(testName);
}

/** Values are looked for in the running library, types and fields of instances in its documentation. */
function exists(member: string, exported: ReturnType<typeof publicNames>): boolean {
  const [, name = "", mark, part = ""] = /^(\w+)(?:([#.])(\w+))?$/.exec(member) ?? [];
  const value: unknown = Reflect.get(library, name);
  const documented = exported.get(name);
  if (!mark) return value !== undefined || documented !== undefined;
  if (mark === ".") {
    return (value !== undefined && Object.hasOwn(Object(value), part)) || !!documented?.statics.has(part);
  }
  const inPrototype = typeof value === "function" && part in Object(value.prototype);
  return inPrototype || !!documented?.members.has(part);
}
