import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { after, afterEach, before, describe, it } from "node:test";
import type { BytesInput } from "../../../ffi/memory/inputs.ts";
import { CKM } from "../../../ffi/constants/mod.ts";
import { Module } from "../../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { type StrictModule, strictModuleSkip as skip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";

const sizes = [100, 0xffff, 0x10000, 300_000];
const cipher = { type: CKM.AES_CTR, parameter: new Uint8Array(16).fill(1) };

/** What a program may do to its data while a call on it is made. */
const deeds: Record<string, (data: Uint8Array<ArrayBuffer>) => void> = {
  "transferred away": (data) => {
    if (!data.buffer.detached) structuredClone(data.buffer, { transfer: [data.buffer] });
  },
  "overwritten": (data) => data.fill(0xee),
  "shrunk": (data) => {
    if (data.buffer.resizable) data.buffer.resize(1);
    else data.fill(0);
  },
};

describe("Data that changes while a call on it is made", () => {
  let strict: StrictModule;
  let module: Module;
  let session: Session;
  let key: Pkcs11Object;
  let deed: (() => void) | null = null;

  before(async () => {
    if (skip) return;
    ({ strict, module, session, key } = await openStrictToken("3.2"));
  });
  afterEach(() => {
    deed = null;
    if (module) module.autoAuthenticate = null;
    strict?.reset();
  });
  after(() => module?.close());

  const bytes = (size: number, resizable = false) =>
    new Uint8Array(resizable ? new ArrayBuffer(size, { maxByteLength: size }) : new ArrayBuffer(size)).fill(7);
  const isEncrypted = (result: Uint8Array, size: number) => {
    assertEquals(result.length, size);
    assert(result.every((byte) => byte === (7 ^ 0x5a)));
  };

  for (const [name, spoil] of Object.entries(deeds)) {
    it(`is what it was when the call was made: ${name} by the answer to a question for a PIN`, { skip }, async () => {
      strict.set("alwaysAuthenticate", 1);
      module.autoAuthenticate = {
        objects: () => {
          deed?.();
          return "1234";
        },
      };
      for (const size of sizes) {
        for (const resizable of [false, true]) {
          const data = bytes(size, resizable);
          deed = () => spoil(data);
          const [own] = await session.findObjects();
          isEncrypted(session.encryptSync(own!, cipher, data), size);
          const other = bytes(size, resizable);
          deed = () => spoil(other);
          isEncrypted(await session.encrypt(own!, cipher, other), size);
          const part = bytes(size, resizable);
          deed = () => spoil(part);
          using parts = session.encryptorSync(own!, cipher);
          isEncrypted(parts.update(part), size);
        }
      }
    });

    it(`is what it was when the call was made: ${name} by who logs the calls`, { skip }, async () => {
      const logged = await Module.load(strict.path, { managed: false, logCalls: { event: () => deed?.() } });
      try {
        const own = await (await logged.slots())[0]!.openSession();
        const [key] = await own.findObjects();
        for (const size of sizes) {
          const data = bytes(size);
          deed = () => spoil(data);
          isEncrypted(own.encryptSync(key!, cipher, data), size);
          const message = bytes(size);
          deed = () => spoil(message);
          isEncrypted(own.encryptMessageSync(key!, cipher, message), size);
          const part = bytes(size);
          deed = () => spoil(part);
          using parts = own.encryptorSync(key!, cipher);
          isEncrypted(parts.update(part), size);
        }
      } finally {
        deed = null;
        await logged.close();
      }
    });
  }

  it("options of a session are read once, before anything is opened", { skip }, async () => {
    strict.set("alwaysAuthenticate", 1);
    const { sessions } = strict;
    const asked: string[] = [];
    const options = { interaction: { askPin: () => (asked.push("then"), "1234") } };
    const opening = session.slot.openSession(options);
    options.interaction = { askPin: () => (asked.push("now"), "1234") };
    const opened = await opening;
    await opened.sign((await opened.findObjects())[0]!, CKM.SHA256_HMAC, bytes(8));
    await opened.close();
    assertEquals(asked, ["then", "then"]);
    let reads = 0;
    const failing = {
      get interaction(): undefined {
        if (reads++ > 0) throw new Error("read again");
        return undefined;
      },
    };
    await (await session.slot.openSession(failing)).close();
    reads = 0;
    session.slot.openSessionSync(failing).closeSync();
    assertEquals(strict.sessions, sessions);
  });

  it("is refused where options or parameters took it away before it was copied", { skip }, async () => {
    for (const size of sizes) {
      for (const resizable of [false, true]) {
        const takeAway = (data: Uint8Array<ArrayBuffer>) => {
          if (resizable) data.buffer.resize(0);
          else structuredClone(data.buffer, { transfer: [data.buffer] });
        };
        const options = (data: Uint8Array<ArrayBuffer>) => ({
          get signal() {
            if (data.length > 0) takeAway(data);
            return undefined;
          },
        });
        const parameter = (data: Uint8Array<ArrayBuffer>) => ({
          type: CKM.AES_CTR,
          parameter: {
            write(block: { alloc(size: number): number }) {
              takeAway(data);
              return { offset: block.alloc(16), length: 16 };
            },
          },
        });
        const calls: ((data: Uint8Array<ArrayBuffer>) => unknown)[] = [
          (data) => session.encryptSync(key, cipher, data, options(data)),
          (data) => session.encrypt(key, cipher, data, options(data)),
          (data) => session.verifySync(key, cipher, data, new Uint8Array(64), options(data)),
          (data) => session.encryptSync(key, parameter(data), data),
          (data) => session.encrypt(key, parameter(data), data),
          (data) => session.verify(key, parameter(data), data, new Uint8Array(64)),
        ];
        for (const call of calls) {
          const data = bytes(size, resizable);
          await assertRejects(async () => await call(data), TypeError, "while the call was made");
        }
      }
    }
    isEncrypted(session.encryptSync(key, cipher, bytes(100)), 100);
    assertEquals(session.encryptSync(key, cipher, new Uint8Array(0)).length, 0);
  });
});

describe("Bytes that lie about their length", () => {
  let module: Module;
  let session: Session;
  let key: Pkcs11Object;

  before(async () => {
    if (skip) return;
    ({ module, session, key } = await openStrictToken("2.40"));
  });
  after(() => module?.close());

  class Longer extends Uint8Array<ArrayBuffer> {
    override get length(): number {
      return 1 << 30;
    }
    override get byteLength(): number {
      return 1 << 30;
    }
  }
  const own = (size: number, length: number) =>
    Object.defineProperties(new Uint8Array(size).fill(7), {
      length: { get: () => length },
      byteLength: { value: length },
      byteOffset: { value: length },
      buffer: { value: new ArrayBuffer(1) },
    });

  it("have the length of their memory", { skip }, async () => {
    for (const size of [16, 70_000]) {
      const liars = [new Longer(new ArrayBuffer(size)), own(size, 1), own(size, 1 << 30), own(size, -1)];
      new Uint8Array(liars[0]!.buffer).fill(7);
      for (const data of liars) {
        for (const result of [session.encryptSync(key, cipher, data), await session.encrypt(key, cipher, data)]) {
          assertEquals([result.length, result.every((byte) => byte === (7 ^ 0x5a))], [size, true]);
        }
        const [many] = session.encryptManySync(key, cipher, [data]);
        assertEquals(many!.length, size);
      }
    }
  });

  it("are refused where they are no bytes at all", { skip }, () => {
    const fakes: unknown[] = [
      { [Symbol.toStringTag]: "ArrayBuffer", byteLength: 8, length: 1 << 30 },
      Object.create(ArrayBuffer.prototype),
      Object.create(Uint8Array.prototype),
      new Proxy(new Uint8Array(8), {}),
      { length: 4, 0: 1 },
    ];
    for (const fake of fakes) {
      assertThrows(() => session.encryptSync(key, cipher, fake as BytesInput), TypeError, "expected bytes");
    }
  });
});
