/**
 * Compressed responses, a decompression bomb, and files whose type nobody declared. Everything runs against a server
 * this program starts itself.
 *
 *     deno run --allow-net examples/http/decoding_and_sniffing.ts
 *     bun examples/http/decoding_and_sniffing.ts
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { brotliCompressSync, deflateRawSync, gzipSync, zstdCompressSync } from "node:zlib";
import { ContentDecoder, ContentSniffer, HttpMessage, HttpSession, HttpStatus, MessageFlags } from "../../mod.ts";

const page = "<!doctype html><title>Compressed</title>".padEnd(20_000, " ");
const bodies: Record<string, [coding: string, body: Uint8Array]> = {
  "/gzip": ["gzip", gzipSync(page)],
  "/deflate": ["deflate", deflateRawSync(page)],
  "/br": ["br", brotliCompressSync(page)],
  "/zstd": ["zstd", zstdCompressSync(page)],
  "/twice": ["gzip, br", brotliCompressSync(gzipSync(page))],
  "/bomb": ["gzip", gzipSync(new Uint8Array(50_000_000))],
};
const server = createServer((request, response) => {
  const [coding, body] = bodies[request.url!] ?? ["identity", new TextEncoder().encode("GIF89a and so on")];
  response.writeHead(200, { "content-encoding": coding }).end(body);
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

{
  await using session = new HttpSession({ removeFeatureByType: ContentDecoder });
  session.addFeature(new ContentDecoder({ maxSize: 1_000_000 }));
  session.addFeature(new ContentSniffer());

  for (const path of [...Object.keys(bodies), "/picture"]) {
    const msg = new HttpMessage("GET", origin + path);
    let type = "";
    msg.addEventListener("content-sniffed", ({ contentType }) => type = contentType);
    const status = await session.sendMessage(msg);
    if (status === HttpStatus.MALFORMED) {
      print(`${path}: ${(msg.error as Error).message}`);
    } else {
      const decoded = msg.hasFlag(MessageFlags.CONTENT_DECODED) ? "decoded" : "as it came";
      print(`${path}: ${status}, ${type}, ${msg.responseBody.byteLength} bytes, ${decoded}`);
    }
  }
}
server.close();
server.closeAllConnections();
