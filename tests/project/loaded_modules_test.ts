import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { loadOrder, loadOrderFile, orderedEntries } from "../../tools/load_order.ts";
import { loadedBy } from "../_support/loaded_files.ts";
import { librarySources, readText } from "../_support/source_text.ts";

/** Those of Node's modules that take next to no time; the others are looked at through `internal/builtin_modules.ts`. */
const light = [
  "node:buffer",
  "node:diagnostics_channel",
];

/** What loads when it is used first, by how the paths of its files begin. */
const later = [
  "ffi/tables/gnutls.ts",
  "http/attempt/attempt",
  "http/attempt/drain.ts",
  "http/attempt/re",
  "http/attempt/tunnel_refusal.ts",
  "http/codings/deflate.ts",
  "http/codings/gzip.ts",
  "http/codings/zlib_engine.ts",
  "http/codings/zstd.ts",
  "http/fetch/body_reader.ts",
  "http/fetch/fetch_response.ts",
  "http/fetch/handed_out_responses.ts",
  "http/fetch/integrity.ts",
  "http/fetch/read_ahead.ts",
  "http/fetch/small_responses.ts",
  "http/fetch/unread_bodies.ts",
  "http/pool/",
  "http/session/sending.ts",
  "http/transports/fetch/fetch_errors.ts",
  "http/transports/fetch/fetch_exchange.ts",
  "http/transports/fetch/gathered_stream.ts",
  "http/transports/fetch/runtime_decoding.ts",
  "http/transports/fetched_response.ts",
  "http/transports/h2/",
  "http/transports/node/node_",
  "http/transports/peer_certificate.ts",
  "http/transports/request_",
  "http/websocket/frame_stream.ts",
  "http/websocket/framing.ts",
  "http/websocket/handshake.ts",
  "session/certificates/certificate_",
  "session/certificates/distinguished_name.ts",
  "session/certificates/extensions.ts",
  "session/certificates/general_name.ts",
  "session/certificates/issue.ts",
  "session/config/files.ts",
  "session/config/load.ts",
  "session/config/registered.ts",
  "session/managed/bridge.ts",
  "session/managed/remote.ts",
  "session/pins/file.ts",
  "session/tls/blocking_stream.ts",
  "session/tls/certificate_chain.ts",
  "session/tls/connections.ts",
  "session/tls/credentials.ts",
  "session/tls/gnutls.ts",
  "session/tls/secure_stream.ts",
  "session/tls/tls_duplex.ts",
  "session/tls/tls_session.ts",
  "session/tls/token_key.ts",
  "session/tls/work.ts",
  "session/trust/anchors.ts",
];
/** What begins so and stands for it until then. */
const stands = [
  "http/attempt/redirects.ts",
  "http/transports/node/node_transport.ts",
];

/** The most files that an entry may load: each costs a program its start. To load more is a decision, made here. */
const most: Readonly<Record<string, number>> = {
  "mod.ts": 359,
  "session/mod.ts": 204,
  "http/mod.ts": 168,
  "ffi/mod.ts": 51,
};

describe("a program that imports", () => {
  for (const [entry, files] of Object.entries(most)) {
    it(`${entry} loads no more files than it is known to`, () => {
      const { length } = loadedBy(entry).files;
      assert(length <= files, `${length} files: what is not needed by every program loads when it is used`);
    });
  }

  for (const entry of ["mod.ts", "session/mod.ts", "http/mod.ts", "ffi/mod.ts"]) {
    it(`${entry} loads no npm library and none of Node's modules that take time, until it uses them`, () => {
      const { builtins, libraries } = loadedBy(entry);
      assertEquals([libraries, builtins.filter((name) => !light.includes(name))], [[], []]);
    });
  }

  for (const entry of ["mod.ts", "session/mod.ts", "http/mod.ts"]) {
    it(`${entry} loads what sends, decodes and encrypts when that is wanted`, () => {
      const all = librarySources();
      assertEquals(later.filter((start) => !all.some((file) => file.startsWith(start))), [], "they have moved");
      const { files } = loadedBy(entry);
      assertEquals(
        files.filter((file) => later.some((start) => file.startsWith(start)) && !stands.includes(file)),
        [],
      );
    });
  }

  for (const entry of orderedEntries) {
    it(`${entry}/mod.ts names what it loads before anything else does`, () => {
      assertEquals(/^import "([^"]+)"/m.exec(readText(`${entry}/mod.ts`))?.[1], "./load_order.ts");
      assertEquals(
        readText(loadOrderFile(entry)),
        loadOrder(entry),
        "run deno run -A --import-map=tests/offline.import_map.json tools/load_order.ts",
      );
    });
  }

  it("session/mod.ts loads nothing of HTTP", () => {
    assertEquals(loadedBy("session/mod.ts").files.filter((file) => file.startsWith("http/")), []);
  });
});
