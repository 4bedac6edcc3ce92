/** What servers send: header sections over the wire, and compressed bodies. */
import { Buffer } from "node:buffer";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import {
  ContentDecoder,
  ContentSniffer,
  CookieJar,
  decodeContent,
  HstsEnforcer,
  HttpCache,
  HttpMessage,
  HttpSession,
} from "../../http/mod.ts";
import { type ContentCoding, knownCodings } from "../../http/codings/codings.ts";
import { fieldPieces } from "../../tests/_support/fuzz_inputs.ts";
import type { SeededRandom } from "../../tests/_support/random.ts";
import { socketServer } from "../../tests/_support/socket_server.ts";
import { expect, type FuzzTarget } from "./target.ts";

const encoders: Readonly<Record<ContentCoding, (bytes: Uint8Array) => Uint8Array>> = {
  gzip: gzipSync,
  deflate: (bytes) => bytes.length % 2 ? deflateSync(bytes) : deflateRawSync(bytes),
  br: brotliCompressSync,
  zstd: zstdCompressSync,
};

/** The most a body may become here. */
const MAX_SIZE = 1 << 20;

/** Compressed bodies, damaged: decoded as far as they go, within the limit, or refused by a ContentDecodingError. */
export function bodies(): FuzzTarget<
  { readonly codings: readonly ContentCoding[]; readonly body: Uint8Array; readonly piece: number }
> {
  return {
    input(random) {
      const codings = Array.from({ length: random.integer(1, 3) }, () => random.pick(knownCodings));
      let body: Uint8Array = random.next() < 0.3
        ? new Uint8Array(random.integer(0, 4 * MAX_SIZE))
        : random.bytes(random.integer(0, 3000));
      for (const coding of codings) if (random.next() < 0.9) body = encoders[coding](body);
      if (body.length < 100_000) {
        for (let count = random.integer(0, 3); count > 0; count--) {
          body = random.mutate(body);
        }
      }
      return { codings, body: Uint8Array.from(body), piece: random.integer(1, 5000) };
    },
    async tryOut({ body, codings, piece }) {
      const pieces = (async function* () {
        for (let at = 0; at < body.length; at += piece) yield body.subarray(at, at + piece);
      })();
      let size = 0;
      try {
        for await (const chunk of decodeContent(pieces, codings, { maxSize: MAX_SIZE })) size += chunk.byteLength;
      } catch (error) {
        expect(error, "ContentDecodingError");
      }
      if (size > MAX_SIZE) throw new Error(`${size} bytes came of a body that may have ${MAX_SIZE}`);
    },
  };
}

const names = [
  ..."Content-Encoding Content-Type Content-Length Transfer-Encoding Set-Cookie Location Retry-After Cache-Control"
    .split(" "),
  ..."Expires Vary ETag Age Date Strict-Transport-Security WWW-Authenticate Connection Trailer Link X-A :a".split(" "),
];
const sectionPieces = [
  ...fieldPieces,
  ..."chunked close keep-alive max-age=60 no-store public 0 4 -1 0x4 4,4 http:// /a //b".split(" "),
];
const starts = [
  "HTTP/1.1 200 OK",
  "HTTP/1.0 200",
  "HTTP/1.1 204 ",
  "HTTP/1.1 304 N",
  "HTTP/1.1 401 U",
  "HTTP/1.1 302 F",
  "HTTP/1.1 100 C",
  "HTTP/2 200",
  "ICY 200 OK",
  "HTTP/1.1 99 x",
  "HTTP/1.1 1000 x",
  "",
];
const ends = ["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n ", "\0\r\n"];

function section(random: SeededRandom): Uint8Array {
  let text = random.pick(starts) + random.pick(ends);
  for (let count = random.integer(0, 8); count > 0; count--) {
    text += random.pick(names) + random.pick([": ", ":", " : ", "", "="]) + random.fieldValue(sectionPieces) +
      random.pick(ends);
  }
  text += random.pick(["\r\n", "\r\n", "\n", ""]) +
    random.pick(["", "body", "4\r\nbody\r\n0\r\n\r\n", "4\r\nbo", "ffffffffffffffff\r\n"]);
  const bytes = Buffer.from(text, "latin1");
  return random.next() < 0.3 ? random.mutate(bytes) : Uint8Array.from(bytes);
}

/** Responses of a hostile server: every message ends with a status, and the next one of a good server is right. */
export async function sections(): Promise<FuzzTarget<Uint8Array>> {
  let answer: Uint8Array = new Uint8Array(0);
  const good = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\nCache-Control: no-store\r\n\r\ngood";
  const server = await socketServer((request, socket) => void socket.end(request.target === "/good" ? good : answer));
  const session = new HttpSession({
    transport: "node",
    timeout: 20,
    features: [new CookieJar(), new HttpCache(), new HstsEnforcer(), new ContentDecoder(), new ContentSniffer()],
  });
  let round = 0;
  return {
    input: section,
    async tryOut(bytes) {
      answer = bytes;
      const msg = new HttpMessage("GET", `${server.origin}/${++round}`);
      await session.sendMessage(msg);
      const { statusCode } = msg;
      if (statusCode < 1 || statusCode > 999) throw new Error(`the message ended with status ${statusCode}`);
      const next = new HttpMessage("GET", `${server.origin}/good`);
      await session.sendMessage(next);
      const text = new TextDecoder().decode(next.responseBody);
      if (next.statusCode !== 200 || text !== "good") {
        throw new Error(`then a good one ended with ${next.statusCode} "${text}"`);
      }
    },
    async close() {
      await session.close();
      await server.close();
    },
  };
}
