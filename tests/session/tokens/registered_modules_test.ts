import { mkdirSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  ConfigurationError,
  type ConfigurationPaths,
  loadModules,
  Module,
  ModuleFlags,
  ModuleLoadError,
  Pkcs11Error,
  type RegisteredModuleProblem,
} from "../../../session/mod.ts";
import { p11KitModulePath, programPath, softhsmPath } from "../../../tools/native_libraries.ts";
import { compileMockModule, type MockModule, mockModuleSkip } from "../../_support/mock_module.ts";
import { createToken } from "../../_support/softhsm.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

let base: string | undefined;
let count = 0;

/** A configuration of its own: module files by name, and the global file. */
function configure(modules: Record<string, string>, globals?: string): ConfigurationPaths {
  base ??= temporaryFolder("registered");
  const folder = `${base}/${++count}`;
  mkdirSync(`${folder}/modules`, { recursive: true });
  for (const [name, text] of Object.entries(modules)) writeFileSync(`${folder}/modules/${name}.module`, text);
  if (globals === undefined) return { systemModules: `${folder}/modules` };
  writeFileSync(`${folder}/pkcs11.conf`, globals);
  return { systemConf: `${folder}/pkcs11.conf`, systemModules: `${folder}/modules` };
}

const mocks = new Map<string, MockModule>();
function mock(name: string): MockModule {
  let module = mocks.get(name);
  if (module === undefined) mocks.set(name, module = compileMockModule(name));
  return module;
}

async function close(modules: readonly Module[]): Promise<void> {
  await Promise.all(modules.map((module) => module.close()));
}

for (const managed of ["gp11", "p11-kit"] as const) {
  describe(`loadModules() with managed: "${managed}"`, { skip: mockModuleSkip }, () => {
    it("loads by priority, then by name, and knows the settings", async () => {
      const config = configure({
        low: `module: ${mock("low").path}\npriority: -1\nx-note: hello`,
        b: `module: ${mock("b").path}`,
        a: `module: ${mock("a").path}`,
        top: `module: ${mock("top").path}\npriority: 10\ntrust-policy: yes`,
      }, "x-global: everywhere");
      const modules = await loadModules({ config, managed });
      assertEquals(modules.map((module) => module.name), ["top", "a", "b", "low"]);
      assertEquals(modules.map((module) => module.managed), [managed, managed, managed, managed]);
      assertEquals(modules[3]!.configOption("x-note"), "hello");
      assertEquals(modules[3]!.configOption("x-global"), "everywhere");
      assertEquals(modules[3]!.configOption("x-missing"), null);
      await close(modules);
      const trusted = await loadModules({ config, managed, trusted: true });
      assertEquals(trusted.map((module) => module.name), ["top"]);
      await close(trusted);
      assertEquals(mock("a").initializes(), mock("a").finalizes());
    });

    it("tells the flags libp11-kit gives", async () => {
      const config = configure({
        plain: `module: ${mock("a").path}`,
        trust: `module: ${mock("b").path}\ntrust-policy: yes\ncritical: yes`,
      });
      const modules = await loadModules({ config, managed });
      assertEquals(modules.map((module) => module.flags), [0, ModuleFlags.CRITICAL | ModuleFlags.TRUSTED]);
      await close(modules);
      using byPath = Module.loadSync(mock("a").path, { managed });
      assertEquals(byPath.flags, ModuleFlags.CRITICAL);
      using raw = Module.loadSync(mock("b").path, { managed: false });
      assertEquals(raw.flags, ModuleFlags.CRITICAL | ModuleFlags.UNMANAGED);
    });

    it("honours managed: no, unmanaged and x-init-reserved", async () => {
      const config = configure({
        direct: `module: ${mock("a").path}\nmanaged: no`,
        reserved: `module: ${mock("b").path}\nx-init-reserved: slots=5`,
      });
      const modules = await loadModules({ config, managed });
      assertEquals(modules.map((module) => [module.name, module.managed]), [["direct", false], ["reserved", managed]]);
      assertEquals((await modules[1]!.slots()).length, 5);
      await close(modules);
      const raw = await loadModules({ config, managed, unmanaged: true });
      assertEquals(raw.map((module) => module.managed), [false, false]);
      await close(raw);
    });

    it("passes over modules that cannot be loaded or initialised, and says why", async () => {
      const config = configure({
        missing: "module: /nowhere/missing.so",
        text: `module: ${import.meta.url.slice(7)}`,
        failing: `module: ${mock("a").path}\nx-init-reserved: initialize=48`,
        good: `module: ${mock("b").path}`,
        nothing: "priority: 1",
      });
      const problems: RegisteredModuleProblem[] = [];
      const modules = await loadModules({ config, managed, onError: (problem) => problems.push(problem) });
      assertEquals(modules.map((module) => module.name), ["good"]);
      assertEquals(problems.map(({ name }) => name), ["failing", "missing", "text"]);
      assertInstanceOf(problems[0]!.error, Pkcs11Error);
      assertInstanceOf(problems[1]!.error, ModuleLoadError);
      assertStringIncludes(problems[1]!.error.message, "/nowhere/missing.so");
      await close(modules);
    });

    it("loads nothing when a critical module fails", async () => {
      const config = configure({
        good: `module: ${mock("b").path}`,
        vital: "module: /nowhere/vital.so\ncritical: yes",
      });
      const error = await assertRejects(() => loadModules({ config, managed }), ConfigurationError, "vital");
      assertInstanceOf(error.cause, ModuleLoadError);
      assertEquals(mock("b").initializes(), mock("b").finalizes());
      const soft = configure({ good: `module: ${mock("b").path}`, missing: "module: /nowhere/missing.so" });
      await assertRejects(() => loadModules({ config: soft, managed, critical: true }), ConfigurationError, "missing");
      await close(await loadModules({ config: soft, managed }));
    });

    it("logs calls where the configuration asks for it, without PINs", async () => {
      const config = configure({
        logged: `module: ${mock("a").path}\nlog-calls: yes`,
        silent: `module: ${mock("b").path}`,
      });
      const texts: string[] = [];
      const names = new Set<string | null>();
      const logCalls = {
        sink: (text: string) => texts.push(text),
        event: ({ module }: { module: string | null }) => names.add(module),
      };
      const modules = await loadModules({ config, managed, logCalls });
      for (const module of modules) {
        const session = await (await module.slots())[0]!.openSession();
        await session.login(1, "PiNs");
      }
      await close(modules);
      assertEquals([...names].sort(), ["logged", "silent"]);
      assertStringIncludes(texts.join(""), "C_Initialize = CKR_OK\n");
      assertStringIncludes(texts.join(""), "  IN: pPin = (4) NOT-PRINTED\n");
      assertNotMatch(texts.join(""), /PiNs/);
    });

    it("takes two names of one library for one module, and says so", async () => {
      const config = configure({ one: `module: ${mock("a").path}`, two: `module: ${mock("a").path}` });
      const messages: string[] = [];
      const modules = await loadModules({ config, managed, onMessage: (message) => messages.push(message) });
      assertEquals(modules.map((module) => module.name), ["one"]);
      assert(messages.some((message) => message.includes("'two'") && message.includes("'one'")));
      await close(modules);
    });
  });
}

describe("loadModules()", { skip: mockModuleSkip }, () => {
  it("refuses damaged configurations with the file and the line", async () => {
    const config = configure({ broken: `module: ${mock("a").path}\nno colon here` });
    await assertRejects(() => loadModules({ config }), ConfigurationError, "broken.module, line 2");
    const mode = configure({}, "user-config: sometimes");
    await assertRejects(() => loadModules({ config: mode }), ConfigurationError, "user-config");
    const folder = temporaryFolder("no-file");
    await assertRejects(() => loadModules({ config: { systemConf: folder } }), ConfigurationError, folder);
  });

  it("gives nothing for a configuration that is not there", async () => {
    assertEquals(await loadModules({ config: {} }), []);
    assertEquals(await loadModules({ config: { systemModules: "/nowhere", systemConf: "/nowhere.conf" } }), []);
  });

  it("compares enable-in with the program's name, or the one that is given", async () => {
    const config = configure({
      here: `module: ${mock("a").path}\nenable-in: deno, bun, node`,
      there: `module: ${mock("b").path}\nenable-in: other`,
    });
    const names = async (progname?: string) => {
      const modules = await loadModules({ config, progname });
      await close(modules);
      return modules.map((module) => module.name);
    };
    assertEquals(await names(), ["here"]);
    assertEquals(await names("other"), ["there"]);
  });

  it("tells what is odd about the configuration", async () => {
    const config = configure({ a: `module: ${mock("a").path}\ncritical: maybe` }, "module: /useless.so");
    const messages: string[] = [];
    await close(await loadModules({ config, onMessage: (message) => messages.push(message) }));
    assertEquals(messages.length, 2);
    assertStringIncludes(messages[0]!, '"module" has no effect');
    assertStringIncludes(messages[1]!, "'maybe'");
  });

  it("refuses options of a wrong kind before it reads anything", async () => {
    for (const options of [{ config: "/etc" }, { config: 5 }, { progname: 5 }, { onError: "log" }, { onMessage: {} }]) {
      await assertRejects(() => loadModules(options as never), TypeError, "Cannot load the registered modules");
    }
  });

  it("stops when it is aborted", async () => {
    const config = configure({ a: `module: ${mock("a").path}` });
    const signal = AbortSignal.abort(new Error("no time"));
    await assertRejects(() => loadModules({ config, signal }), Error, "no time");
    assertEquals(mock("a").initializes(), mock("a").finalizes());
  });
});

const remoteSkip = softhsmPath() === null || p11KitModulePath("client") === null || programPath("p11-kit") === null
  ? "SoftHSM2 or p11-kit's programs are not installed"
  : false;

describe("loadModules() with a remote module", { skip: remoteSkip }, () => {
  for (const managed of ["gp11", "p11-kit"] as const) {
    it(`runs its command and finds its tokens with managed: "${managed}"`, async () => {
      const token = createToken();
      const config = configure({ far: `remote: |${programPath("p11-kit")} remote "${token.module}"` });
      const [module, ...rest] = await loadModules({ config, managed, critical: true });
      assertEquals(rest, []);
      assertEquals(module!.name, "far");
      const slots = await module!.slots({ tokenPresent: true });
      const labels = await Promise.all(slots.map(async (slot) => (await slot.tokenInfo()).label));
      const slot = slots[labels.indexOf(token.label)]!;
      const session = await slot.openSession({ login: { pin: token.userPin } });
      assertEquals((await session.generateRandom(16)).length, 16);
      assertEquals(session.generateRandomSync(16).length, 16);
      await module!.close();
    });
  }

  it("a command that fails, and a setting nobody understands, are passed over", async () => {
    const config = configure({ gone: "remote: |/nowhere/p11-kit remote x", odd: "remote: carrier-pigeon" });
    const problems: RegisteredModuleProblem[] = [];
    assertEquals(await loadModules({ config, onError: (problem) => problems.push(problem) }), []);
    assertEquals(problems.map(({ name }) => name), ["gone", "odd"]);
    assertStringIncludes(String(problems[1]!.error), "carrier-pigeon");
  });
});
