import { AsyncLocalStorage } from "node:async_hooks";
import { spawnSync } from "node:child_process";
import { tracingChannel } from "node:diagnostics_channel";
import { mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertNotMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { CKM, type LoggedCall, Module, Pkcs11Error } from "../../../session/mod.ts";
import { p11KitPath } from "../../../tools/native_libraries.ts";
import { createToken, softhsmSkip } from "../../_support/softhsm.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

const nativeSkip = softhsmSkip || (p11KitPath() === null ? "libp11-kit is not installed" : false);

async function open(
  logCalls: { sink?: (text: string) => void; event?: (call: LoggedCall) => void; showSecrets?: boolean },
  token = createToken(),
) {
  const module = await Module.load(token.module, { logCalls });
  const slots = await module.slots({ tokenPresent: true });
  const labels = await Promise.all(slots.map(async (slot) => (await slot.tokenInfo()).label));
  return { token, module, slot: slots[labels.indexOf(token.label)]! };
}

/**
 * A log without what differs: addresses, the names of mechanisms libp11-kit 0.24 does not know, and its known slips: it
 * leaves the flags of C_Initialize out, and shows one number for all sizes of a token.
 */
function comparable(log: string): string[] {
  const lines = log.replace(/0x[0-9A-F]{8,}/g, "0x").replace(/^\tflags: .*CKF_OS_LOCKING_OK$/m, "\tflags").split("\n");
  // p11-kit from 0.25 on names this parameter of functions of PKCS#11 3.0 as the standard does not.
  return lines.map((line) => line.replace(/^ {2}IN: session = /, "  IN: hSession = ")).filter((line) =>
    !line.startsWith(" OUT: pMechanismList") &&
    (!/^\t(ul|utcTime)/.test(line) || /KeySize|DeviceError/.test(line))
  );
}

describe("logCalls", { skip: softhsmSkip }, () => {
  it("writes what libp11-kit's own log writes", { skip: nativeSkip }, () => {
    const token = createToken();
    const folder = `${temporaryFolder("log")}/modules`;
    mkdirSync(folder);
    writeFileSync(`${folder}/softhsm.module`, `module: ${token.module}\nlog-calls: yes\n`);
    const child = fileURLToPath(new URL("../../_support/log_calls_child.ts", import.meta.url));
    const run = "deno" in process.versions ? ["run", "-A", "--no-check", child] : [child];
    const { status, stdout, stderr } = spawnSync(process.execPath, [...run, folder, token.label], { encoding: "utf8" });
    const native = stderr.replace(/^\(node:[0-9]+\).*\n|^\(Use `node.*\n/gm, "");
    assertEquals(status, 0, stderr);
    assert(native.includes("C_Finalize = CKR_OK"), native);
    assertEquals(comparable(stdout), comparable(native));
  });

  it("shows no PIN, no key, no plain text and no random numbers", async () => {
    const texts: string[] = [];
    const events: LoggedCall[] = [];
    // Letters: numbers of slots and addresses hold 1234 now and then.
    const { token, module, slot } = await open(
      { sink: (text) => texts.push(text), event: (call) => events.push(call) },
      createToken("logged", "PiNs"),
    );
    const session = await slot.openSession({ readWrite: true, login: { pin: token.userPin } });
    const key = await session.createObject({
      class: 4,
      keyType: 0x1f,
      value: new TextEncoder().encode("KEYKEYKEYKEYKEY!"),
      token: false,
      sensitive: false,
      extractable: true,
      encrypt: true,
      decrypt: true,
    }); // deno-fmt-ignore
    const parameter = new Uint8Array(16);
    const plain = new TextEncoder().encode("PLAINPLAINPLAIN!");
    const cipher = await session.encrypt(key, { type: CKM.AES_CBC_PAD, parameter }, plain);
    await session.decrypt(key, { type: CKM.AES_CBC_PAD, parameter }, cipher);
    await key.get(["class", "value"]);
    await session.setPin(token.userPin, "98769876");
    await session.generateRandom(8);
    await module.close();
    const log = texts.join("") + JSON.stringify(events);
    for (const secret of [/PiNs/, /98769876/, /KEYKEY/, /PLAINPLAIN/]) assertNotMatch(log, secret);
    assertStringIncludes(log, "  IN: pPin = (4) NOT-PRINTED\n");
    assertStringIncludes(log, "  IN: pNewPin = (8) NOT-PRINTED\n");
    assertStringIncludes(log, "  IN: pData = (16) NOT-PRINTED\n");
    assertStringIncludes(log, "{ CKA_VALUE = (16) NOT-PRINTED }");
    assertStringIncludes(log, " OUT: pRandomData = (8) NOT-PRINTED\n");
  });

  it("shows them when asked to", async () => {
    const texts: string[] = [];
    const { token, module, slot } = await open({ sink: (text) => texts.push(text), showSecrets: true });
    await slot.openSession({ login: { pin: token.userPin } });
    await module.close();
    assertStringIncludes(texts.join(""), '  IN: pPin = (4) "1234"\n');
  });

  it("tells of a call in the asynchronous context that asked for it, whether it is traced too or not", async () => {
    const requests = new AsyncLocalStorage<string>();
    const heard: string[] = [];
    const told = (fn: string) => void heard.push(`${requests.getStore()} ${fn}`);
    const { module, slot } = await open({ sink: (text) => told(text.split("\n")[0]!), event: ({ fn }) => told(fn) });
    const session = await slot.openSession();
    const ids = ["first", "second"];
    const calls = ids.map((id) => ["C_DigestInit", "C_Digest"].map((fn) => [`${id} ${fn}`, `${id} ${fn}`]).flat())
      .flat();
    const { start } = tracingChannel("gp11:call");
    const trace = () => {};
    for (const traced of [false, true]) {
      if (traced) start.subscribe(trace);
      heard.length = 0;
      await Promise.all(ids.map((id) => requests.run(id, () => session.digest(CKM.SHA256, new Uint8Array(3)))));
      assertEquals(heard, calls);
      for (const id of ids) {
        await requests.run(id, async () => {
          heard.length = 0;
          await slot.info();
          session.digestSync(CKM.SHA256, new Uint8Array(3));
        });
        assertEquals([heard.length, heard.every((each) => each.startsWith(id))], [6, true]);
      }
    }
    start.unsubscribe(trace);
    await module.close();
  });

  it("tells each call as data, on worker threads and in place", async () => {
    const events: LoggedCall[] = [];
    const { token, module, slot } = await open({ event: (call) => events.push(call) });
    events.length = 0;
    const session = await slot.openSession();
    session.getInfoSync();
    await assertRejects(() => session.login(1, "wrong"), Pkcs11Error);
    await session.digest(CKM.SHA256, new Uint8Array(1000));
    await module.close();
    assertEquals(events.map(({ fn }) => fn), [
      "C_OpenSession",
      "C_GetSessionInfo",
      "C_Login",
      "C_DigestInit",
      "C_Digest",
      "C_CloseSession",
      "C_Finalize",
    ]); // deno-fmt-ignore
    assert(events.every((event) => event.module === token.module && event.duration >= 0));
    const login = events[2]!;
    assertEquals([login.code, login.ckr], [0xa0, "CKR_PIN_INCORRECT"]);
    assertEquals(login.input.map(({ name }) => name), ["hSession", "userType", "pPin"]);
    assertEquals(login.input[1]!.value, "CKU_USER");
    assertEquals(events[4]!.output.map(({ name }) => name), ["pDigest"]);
    assertGreaterOrEqual(events[4]!.output[0]!.value.length, "(32) ".length);
  });

  it("a sink that throws is reported and fails no call", async () => {
    const reported: unknown[] = [];
    const before = globalThis.reportError;
    globalThis.reportError = (error) => void reported.push(error);
    try {
      const { module } = await open({
        sink: () => {
          throw new Error("disk full");
        },
      });
      await module.info();
      await module.close();
    } finally {
      globalThis.reportError = before;
    }
    assertGreaterOrEqual(reported.length, 3);
  });
});
