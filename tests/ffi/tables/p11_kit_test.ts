import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Cryptoki, nativeRuntime, P11_KIT_FUNCTIONS, P11Kit, type P11KitFunction } from "../../../ffi/mod.ts";
import { p11KitPath } from "../../../tools/native_libraries.ts";
import { compileMockModule, mockModuleSkip } from "../../_support/mock_module.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

const skip = mockModuleSkip || (p11KitPath() === null ? "libp11-kit is not installed" : false);

describe("P11Kit", { skip }, () => {
  it("is found where systems keep it, and has every function of the table", () => {
    assert(process.platform === "win32" || P11Kit.candidates().some((path) => existsSync(path)));
    const kit = P11Kit.open(p11KitPath()!);
    const missing = (Object.keys(P11_KIT_FUNCTIONS) as P11KitFunction[]).filter((name) => !kit.has(name));
    assertEquals(missing, []);
    assertThrows(() => kit.call("p11_kit_module_load", 0n), TypeError, "takes 2 arguments");
    assertThrows(() => kit.loadModule("a\0b"), TypeError, "NUL");
  });

  it("gives each caller a wrapper of its own, and the reason for a failure", () => {
    const kit = P11Kit.open(p11KitPath()!);
    const mock = compileMockModule("bound");
    const [one, two] = [kit.loadModule(mock.path), kit.loadModule(mock.path)];
    assert(one !== 0n && two !== 0n && one !== two);
    assertEquals([kit.moduleFilename(one), kit.moduleName(one), kit.moduleFlags(one)], [mock.path, null, 2]);
    assertEquals([kit.initializeModule(one), kit.initializeModule(one), mock.initializes()], [0, 0x191, 1]);
    assertEquals([kit.finalizeModule(one), kit.finalizeModule(one), mock.finalizes()], [0, 0x190, 1]);
    assertEquals(kit.loadModule("/nowhere.so"), 0n);
    assertStringIncludes(kit.message()!, "/nowhere.so");
    kit.releaseModule(one);
    kit.releaseModule(two);
  });

  it("an entry that is missing or NULL in a wrapper is answered and never called", () => {
    const kit = P11Kit.open(p11KitPath()!);
    const wrapper = Cryptoki.fromFunctionList(kit.loadModule(compileMockModule("bound").path));
    assertEquals(wrapper.has("C_EncapsulateKey"), false);
    assertEquals(wrapper.call("C_EncapsulateKey", 0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n), 0x54);
    // A list that claims to be 3.2 and ends in NULL entries, as those of libp11-kit 0.26 do.
    const list = new Uint8Array(new ArrayBuffer(8 + 104 * 8));
    nativeRuntime().read(wrapper.address, list.subarray(0, 8 + 68 * 8));
    list.set([3, 2]);
    const claimed = Cryptoki.fromFunctionList(nativeRuntime().address(list));
    assertEquals([claimed.version.major, claimed.has("C_EncapsulateKey")], [3, false]);
    assertEquals(claimed.call("C_EncapsulateKey", 0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n), 0x54);
    assertEquals(claimed.call("C_GetInfo", 0n), wrapper.call("C_GetInfo", 0n));
    assertEquals(list[0], 3);
  });

  it("loads, names and tells about the modules of a configuration", () => {
    const folder = `${temporaryFolder("p11-kit")}/modules`;
    mkdirSync(folder);
    writeFileSync(`${folder}/plain.module`, `module: ${compileMockModule("bound").path}\nx-note: hello\n`);
    const trusted = `module: ${compileMockModule("bound").path}\ntrust-policy: yes\npriority: 3\n`;
    writeFileSync(`${folder}/trusted.module`, trusted);
    const child = fileURLToPath(new URL("../../_support/p11_kit_child.ts", import.meta.url));
    const run = "deno" in process.versions ? ["run", "-A", "--no-check", child] : [child];
    const { stdout, stderr, status } = spawnSync(process.execPath, [...run, folder], { encoding: "utf8" });
    assertEquals(status, 0, stderr);
    assertEquals(JSON.parse(stdout), {
      names: ["trusted", "plain"],
      flags: [4, 0],
      note: "hello",
      missing: null,
      unnamed: true,
      ownWrappers: true,
      initialized: [0x191],
      initialize: [0, 0x191],
      finalize: [0, 0x190],
    });
  });
});
