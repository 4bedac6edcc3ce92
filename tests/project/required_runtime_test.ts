import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { isNewEnough, oldestRuntimes, requireRuntime } from "../../internal/runtime.ts";
import { codeOf, librarySources, readText } from "../_support/source_text.ts";
import { oldestTested } from "../../tools/platforms/versions.ts";

describe("The runtimes the library needs", () => {
  it("are refused in one sentence where they are older", () => {
    const on = (use: "PKCS#11 modules" | "HTTP sessions", versions: Record<string, string>) =>
      assertThrows(() => requireRuntime(use, { node: "24.1.0", ...versions }), Error).message;
    assertEquals(
      on("PKCS#11 modules", { node: "24.21.0" }),
      "Cannot use PKCS#11 modules on Node 24.21.0: they need Deno 2.5, Bun 1.3.7 or Node 26, or a later version",
    );
    assertStringIncludes(
      on("HTTP sessions", { node: "20.20.2" }),
      "on Node 20.20.2: they need Deno 2.5, Bun 1.3 or Node 22.3",
    );
    assertStringIncludes(on("HTTP sessions", { deno: "2.4.5" }), "on Deno 2.4.5");
    assertStringIncludes(on("PKCS#11 modules", { bun: "1.2.21" }), "on Bun 1.2.21");
    assertStringIncludes(on("PKCS#11 modules", { bun: "1.3.6" }), "on Bun 1.3.6");
    requireRuntime("PKCS#11 modules", { node: "24.1.0", deno: "2.5.0" });
    requireRuntime("PKCS#11 modules", { node: "24.1.0", bun: "2.0.0" });
    for (const bun of ["1.3.7", "1.3.14", "1.4.0-canary.1"]) requireRuntime("PKCS#11 modules", { node: "24.1.0", bun });
    requireRuntime("HTTP sessions", { node: "24.1.0", bun: "1.3.0" });
    requireRuntime("HTTP sessions", { node: "22.3.0" });
    requireRuntime("HTTP sessions", { node: "24.1.0", deno: "2.5.0" });
    assertEquals(["2.7.14", "2.8.0"].map((deno) => isNewEnough("TLS over sockets", { deno })), [false, true]);
  });

  it("are the same in package.json, the README and task test:versions", () => {
    const text = (version: readonly (number | undefined)[]) => version.join(".").replace(/\.0$/, "");
    const { "PKCS#11 modules": tokens, "HTTP sessions": http } = oldestRuntimes;
    const { engines } = JSON.parse(readText("package.json"));
    assertEquals(engines, {
      deno: `>=${text(tokens.deno)}`,
      bun: `>=${text(http.bun)}`,
      node: `>=${text(http.node)}`,
    });
    const rows = [...readText("README.md").matchAll(/^\| (Deno|Bun|Node) +\|[^|]*\| ([\d.]+)[^|]*\| ([\d.]+)/gm)];
    assertEquals(rows.map(([, name, ...versions]) => [name!.toLowerCase(), ...versions]), [
      ["deno", text(tokens.deno), text(http.deno)],
      ["bun", text(tokens.bun), text(http.bun)],
      ["node", text(tokens.node), text(http.node)],
    ]);
    for (const { runtime, version, use } of oldestTested) {
      const oldest = text(oldestRuntimes[use][runtime]);
      // Node's floors are older than what reads TypeScript, or has node:ffi, without a flag.
      const same = runtime === "node"
        ? parseInt(version) === parseInt(oldest)
        : version === oldest || version === `${oldest}.0`;
      assertEquals(same, true, `${use} are tried on ${runtime} ${version}, and from ${oldest} on promised`);
    }
  });

  it("read every source: no declaration with using, which Node 22 does not know", () => {
    const using = librarySources().filter((file) => /\busing\s+\w+\s*=/.test(codeOf(readText(file))));
    assertEquals(using, []);
  });

  it("find every name of the runtime's modules that younger versions brought by looking it up", () => {
    const young = /\b(getCACertificates|createZstdDecompress|crc32)\b(?=[^}]*\} from "node:)/;
    assertEquals(librarySources().filter((file) => young.test(readText(file))), []);
  });
});
