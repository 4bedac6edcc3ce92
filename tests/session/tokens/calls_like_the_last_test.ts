// Calls in place that look like the last one: ffi/operations/call_pair.ts, and what decides in session/tokens/crypto_args.ts.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { afterEach, beforeEach, describe, it } from "node:test";
import { CKM, CKR } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error, type Session, SessionClosedError } from "../../../session/mod.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { strictModuleSkip } from "../../_support/strict_module.ts";
import { openStrictToken, type StrictToken } from "../../_support/strict_token.ts";
import { TokenSession } from "../../_support/token_session.ts";

const iv = Uint8Array.from({ length: 16 }, (_, index) => index);
const cipher = { type: CKM.AES_CTR, parameter: iv };
const data = new TextEncoder().encode("the data of a call");
const other = new TextEncoder().encode("THE DATA OF A CALL");

describe("a call in place that looks like the last one", { skip: strictModuleSkip }, () => {
  let token: StrictToken;
  let session: Session;
  let encrypted: Uint8Array;
  let otherEncrypted: Uint8Array;

  const encrypt = (bytes: Uint8Array, options?: object): Uint8Array =>
    session.encryptSync(token.key, cipher, bytes, options as undefined);

  beforeEach(async () => {
    token = await openStrictToken("2.40");
    session = token.session;
    // Before the layout of one could serve for the next.
    otherEncrypted = encrypt(other.subarray());
    session.digestSync(CKM.SHA256, data);
    encrypted = encrypt(data);
    assert(encrypted.some((byte, index) => byte !== otherEncrypted[index]));
  });
  afterEach(() => token?.[Symbol.asyncDispose]());

  it("gives what the first gave, whatever kind of array its data comes in", () => {
    const longer = new Uint8Array(data.length + 4);
    longer.set(data, 2);
    class Named extends Uint8Array {}
    const words = new Uint16Array(data.length / 2);
    new Uint8Array(words.buffer).set(data);
    const inOrder: Uint8Array[] = [
      data,
      longer.subarray(2, 2 + data.length),
      Buffer.from(data),
      Named.from(data),
      Object.defineProperty(Uint8Array.from(data), "length", { value: 3 }),
      Object.setPrototypeOf(words, Uint8Array.prototype),
      data,
    ];
    for (const bytes of inOrder) {
      assertEquals(encrypt(bytes), encrypted);
      assertEquals(encrypt(other), otherEncrypted);
    }
    const { buffer } = Uint8Array.from(data);
    for (const bytes of [buffer, new DataView(buffer)]) {
      assertEquals(session.encryptSync(token.key, cipher, bytes), encrypted);
    }
  });

  it("is refused with the session's state, and what is no key", async () => {
    assertThrows(() => session.encryptSync({} as typeof token.key, cipher, data), TypeError, "no Pkcs11Object");
    assertThrows(
      () => session.encryptSync(null as unknown as typeof token.key, cipher, data),
      TypeError,
      "no Pkcs11Object",
    );
    const running = session.digest(CKM.SHA256, data);
    assertThrows(() => encrypt(data), Error, "an asynchronous call");
    await running;
    const signer = session.signerSync(token.key, CKM.SHA256_HMAC);
    assertThrows(() => encrypt(data), Error, "an open ");
    signer.update(data);
    signer.final();
    assertEquals(encrypt(data), encrypted);
    await session.close();
    assertThrows(() => encrypt(data), SessionClosedError);
  });

  it("that fails is told, changes nothing behind it, and the next is right", () => {
    const into = new Uint8Array(64).fill(7);
    for (const fn of ["C_EncryptInit", "C_Encrypt"] as const) {
      token.strict.fail(fn, CKR.DEVICE_ERROR);
      const error = assertThrows(() => encrypt(data, { into }), Pkcs11Error);
      assertEquals([error.fn, error.code], [fn, CKR.DEVICE_ERROR]);
      assertEquals(token.strict.active, 0);
      assert(into.every((byte) => byte === 7));
      assertEquals(encrypt(data), encrypted);
    }
    token.strict.fail("C_Encrypt", CKR.BUFFER_TOO_SMALL);
    assertEquals(encrypt(data), encrypted);
    assertEquals(encrypt(other), otherEncrypted);
  });

  it("says where there is no room for its result before the module is called, or after it", () => {
    const calls = token.strict.calls("C_Encrypt");
    assertThrows(() => encrypt(data, { into: new Uint16Array(40) }), TypeError, "expected a Uint8Array");
    const gone = new Uint8Array(64);
    structuredClone(gone, { transfer: [gone.buffer] });
    assertThrows(() => encrypt(data, { into: gone }), TypeError, "into");
    assertEquals(token.strict.calls("C_Encrypt"), calls);
    for (const length of [0, 1, data.length - 1]) {
      assertThrows(() => encrypt(data, { into: new Uint8Array(length) }), RangeError, `has room for ${length}`);
      assertEquals(encrypt(other), otherEncrypted);
    }
    const into = new Uint8Array(data.length);
    assertEquals(encrypt(data, { into }) as unknown, data.length);
    assertEquals(into, encrypted);
  });

  it("is right where getters of its options and its mechanism make calls of their own", () => {
    const nested = () => {
      session.digestSync(CKM.SHA256, other);
      session.signSync(token.key, CKM.SHA256_HMAC, other);
      session.encryptSync(token.key, cipher, other);
    };
    for (const name of ["into", "signal", "abort"]) {
      const options = Object.defineProperty({}, name, { get: nested });
      assertEquals(encrypt(data, options), encrypted);
    }
    for (const name of ["type", "parameter"] as const) {
      const mechanism = Object.defineProperty({ ...cipher }, name, {
        get() {
          nested();
          return cipher[name];
        },
      });
      assertEquals(session.encryptSync(token.key, mechanism, data), encrypted);
    }
  });

  it("writes nothing into memory that a getter has taken away or made shorter, and says so", () => {
    const short = data.subarray(0, 10);
    for (const [name, length] of [["signal", 5], ["abort", 0], ["type", 5], ["parameter", 0]] as const) {
      for (const bytes of [short, data]) {
        encrypt(bytes);
        const buffer = new ArrayBuffer(64, { maxByteLength: 64 });
        const into = new Uint8Array(buffer);
        const shrink = () => buffer.resize(length);
        const isOption = name === "signal" || name === "abort";
        const options = isOption ? Object.defineProperty({ into }, name, { get: shrink }) : { into };
        const mechanism = isOption ? cipher : Object.defineProperty({ ...cipher }, name, {
          get() {
            shrink();
            return cipher[name as "type"];
          },
        });
        assertThrows(
          () => session.encryptSync(token.key, mechanism, bytes, options),
          length === 0 ? Error : RangeError,
          length === 0 ? "into" : `has room for ${length}`,
        );
        assertEquals(encrypt(bytes), encrypted.subarray(0, bytes.length));
      }
    }
  });

  it("that fails is told where its mechanism has getters, and later calls know nothing of it", () => {
    for (const code of [CKR.DEVICE_ERROR, CKR.BUFFER_TOO_SMALL]) {
      let reads = 0;
      const once = Object.defineProperty({ ...cipher }, "type", {
        get() {
          if (reads++ > 0) throw new Error("asked twice");
          return cipher.type;
        },
      });
      encrypt(data);
      token.strict.fail("C_Encrypt", code);
      if (code === CKR.BUFFER_TOO_SMALL) {
        assertEquals(session.encryptSync(token.key, once, data), encrypted);
      } else {
        assertEquals(assertThrows(() => session.encryptSync(token.key, once, data), Pkcs11Error).code, code);
      }
      assertEquals(token.strict.active, 0);
      // Step by step, with the layout of the one that failed.
      assertEquals(session.encryptSync(token.key, cipher, data.slice().buffer), encrypted);
      session.digestSync(CKM.SHA256, data);
    }
  });

  it("reads the handle of its key before it writes anything, and asks last who listens", () => {
    const { handle } = token.key;
    let calls = 0;
    Object.defineProperty(token.key, "handle", {
      get() {
        calls++;
        session.digestSync(CKM.SHA256, other);
        return handle;
      },
    });
    assertEquals(encrypt(data), encrypted);
    assertEquals(encrypt(data), encrypted);
    assert(calls > 0);
  });

  it("leaves the session usable where it fails at the end of the stack", () => {
    let left = 0;
    const deep = (): number => {
      try {
        return deep() + 1;
      } catch (error) {
        if (left-- > 0) {
          token.strict.fail("C_Encrypt", CKR.DEVICE_ERROR);
          try {
            encrypt(data);
          } catch {
            // There is no stack for it, or its module fails: what matters is what is left of it.
          }
        }
        throw error;
      }
    };
    for (let round = 0; round < 5; round++) {
      left = 40;
      assertThrows(deep, RangeError);
      token.strict.reset();
      assertEquals(encrypt(data), encrypted);
      assertEquals(session.encryptSync(token.key, cipher, data.slice().buffer), encrypted);
      assertEquals(token.strict.active, 0);
    }
  });

  it("is right after calls for which there was no stack left", () => {
    const deep = (): void => {
      encrypt(data);
      deep();
    };
    for (let round = 0; round < 5; round++) {
      assertThrows(deep, RangeError);
      assertEquals(encrypt(data), encrypted);
      assertEquals(encrypt(other), otherEncrypted);
      session.signSync(token.key, CKM.SHA256_HMAC, data);
      assertEquals(encrypt(data), encrypted);
    }
  });

  it("calls nothing where a getter has closed the session or taken the data away", async () => {
    const closing = Object.defineProperty({}, "signal", { get: () => void session.closeSync() });
    const calls = token.strict.calls("C_EncryptInit");
    const taken = Uint8Array.from(data);
    const taking = Object.defineProperty({}, "signal", {
      get() {
        if (taken.length > 0) structuredClone(taken, { transfer: [taken.buffer] });
        return undefined;
      },
    });
    assertThrows(() => encrypt(taken, taking), TypeError, "taken away while the call was made");
    assertThrows(() => encrypt(data, closing), SessionClosedError);
    assertEquals(token.strict.calls("C_EncryptInit"), calls);
    await token.module.close();
  });
});

describe("a call in place with a parameter", { skip: softhsmSkip }, () => {
  it("takes the parameter as it is then, and another mechanism of the same shape", async () => {
    const { module, session } = await TokenSession.open();
    try {
      const aes = await session.generateKey(CKM.AES_KEY_GEN, { valueLen: 32, encrypt: true });
      const encrypt = (parameter: Uint8Array) => session.encryptSync(aes, { type: CKM.AES_CBC_PAD, parameter }, data);
      const changing = Uint8Array.from(iv);
      const first = encrypt(changing);
      assertEquals(encrypt(changing), first);
      changing.fill(9);
      const ninth = encrypt(changing);
      assert(ninth.some((byte, index) => byte !== first[index]));
      assertEquals(encrypt(new Uint8Array(16).fill(9)), ninth);
      assertEquals(encrypt(iv.buffer as unknown as Uint8Array), first);
      assertThrows(() => encrypt(5 as unknown as Uint8Array), TypeError, "mechanism parameter");
      assertThrows(() => encrypt(new Uint8Array(15)), Pkcs11Error);
      assertEquals(encrypt(iv), first);
    } finally {
      await module.close();
    }
  });
});
