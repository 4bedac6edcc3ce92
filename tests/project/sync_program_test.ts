import { Buffer } from "node:buffer";
import { assert } from "@std/assert";
import { describe, it } from "node:test";
import { brotliDecompressSync } from "node:zlib";
import { syncProgram } from "../../http/sync/sync_program.ts";
import { isSameBytes } from "../../internal/bytes.ts";
import { bundledWorker } from "../../tools/sync_program.ts";
import { programOrSkip } from "../_support/runtime_programs.ts";

const { skip } = await programOrSkip("bun");

describe("The program of http/sync/sync_program.ts", () => {
  it("is the worker's module and all it imports, as they are now", { skip }, async () => {
    const text = brotliDecompressSync(Buffer.from(syncProgram, "base64"));
    assert(isSameBytes(text, await bundledWorker()), "run deno run -A tools/sync_program.ts");
  });
});
