// Web Cryptography's modern algorithms on softokn of a later NSS, in a process of its own: its libraries have the names of
// the system's.
import { assertEquals } from "@std/assert";
import { it } from "node:test";
import { text } from "node:stream/consumers";
import { newerNssFolder } from "../../tools/newer_nss.ts";
import { programEnd, startProgram } from "../_support/child_program.ts";
import { newerNssSkip } from "../_support/softokn.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const folder = newerNssFolder();
const skip = newerNssSkip;

it(
  "ML-DSA, ML-KEM, ChaCha20-Poly1305 and HKDF are done by a token that has them",
  { skip, timeout: 300_000 },
  async () => {
    const database = `configdir='sql:${temporaryFolder("nss")}' certPrefix='' keyPrefix='' secmod='secmod.db' flags=`;
    const program = new URL("../_support/webcrypto_program.ts", import.meta.url);
    const child = startProgram(program, [`${folder}/libsoftokn3.so`, database], { LD_LIBRARY_PATH: folder! });
    const printed = await text(child.stdout!);
    await programEnd(child);
    const checks = printed.trim().split("\n").map((line) => JSON.parse(line));
    for (const { name, problem } of checks) assertEquals(problem, null, name);
    assertEquals([checks.length, child.exitCode], [10, 0]);
  },
);
