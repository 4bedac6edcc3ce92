// deno-lint-ignore-file no-console
/**
 * Watches a reader: tells which tokens are there, and which come and go.
 * The token "keys" is that of docs/first-signature.md.
 *
 *     PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so deno run -A examples/keys/watch_reader.ts
 */
import process from "node:process";
import { Module } from "@gp11/gp11";

await using module = await Module.load(process.env.PKCS11_MODULE!);
for await (const { change, token } of module.watchTokens()) {
  if (token.label !== "keys") continue;
  console.log(change, token.label);
  break; // A program that goes on waits here for the next card.
}
