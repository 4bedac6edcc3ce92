import { Buffer } from "node:buffer";
import { assert, assertEquals, assertFalse, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { constants, createHash, createHmac, createPublicKey, publicDecrypt, publicEncrypt, verify } from "node:crypto";
import { PassThrough, Readable } from "node:stream";
import { after, before, describe, it } from "node:test";
import { CKF, CKK, CKM, CKO, CKR } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error, SessionBusyError, SessionClosedError } from "../../../session/errors.ts";
import { Module } from "../../../session/tokens/module.ts";
import { aesCbc, aesGcm, rsaPss } from "../../../session/mechanisms/mod.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { DataInput, Pkcs11KeyPair } from "../../../session/tokens/options.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";

const skip = softhsmSkip;
const data = Uint8Array.from({ length: 100 }, (_, i) => i);
const keyBytes = new Uint8Array(32).fill(9);
const iv = new Uint8Array(16).fill(2);

function chunks(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer());
}

/** What is done, and the errors that were reported meanwhile. */
async function reportsOf<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly reported: unknown[] }> {
  const reported: unknown[] = [];
  const before = globalThis.reportError;
  globalThis.reportError = (error) => void reported.push(error);
  try {
    return { result: await work(), reported };
  } finally {
    globalThis.reportError = before;
  }
}

describe("Cryptography in a session", () => {
  let on: TokenSession;
  let aes: Pkcs11Object;
  let hmacKey: Pkcs11Object;
  let rsa: Pkcs11KeyPair;
  let webKey: CryptoKey;

  before(async () => {
    if (skip) return;
    on = await TokenSession.open();
    const common = { class: CKO.SECRET_KEY, value: keyBytes, token: false, sensitive: false, extractable: true };
    aes = on.session.createObjectSync({ ...common, keyType: CKK.AES, encrypt: true, decrypt: true });
    hmacKey = on.session.createObjectSync({ ...common, keyType: CKK.GENERIC_SECRET, sign: true, verify: true });
    rsa = await on.session.generateKeyPair(
      CKM.RSA_PKCS_KEY_PAIR_GEN,
      { modulusBits: 2048, publicExponent: Uint8Array.of(1, 0, 1), token: false, verify: true, encrypt: true },
      { token: false, sign: true, decrypt: true },
    );
    webKey = await crypto.subtle.importKey("raw", keyBytes, "AES-CBC", false, ["encrypt", "decrypt"]);
  });
  after(() => on?.close());

  const rsaPublicKey = () => {
    const { modulus, publicExponent } = rsa.publicKey.getSync(["modulus", "publicExponent"]);
    const n = Buffer.from(modulus!).toString("base64url");
    return createPublicKey({
      key: { kty: "RSA", n, e: Buffer.from(publicExponent!).toString("base64url") },
      format: "jwk",
    });
  };

  it("calls that differ in nothing but session, key or bytes have each its own result", { skip }, async () => {
    const keys = [7, 8].map((byte) => new Uint8Array(32).fill(byte));
    const common = { class: CKO.SECRET_KEY, keyType: CKK.GENERIC_SECRET, token: false, private: false, sign: true };
    const objects = keys.map((value) => on.session.createObjectSync({ ...common, value }));
    await using other = await on.session.slot.openSession({ readWrite: true });
    const inputs = [3, 4].map((byte) => new Uint8Array(32).fill(byte));
    const results = async (sign: (session: typeof other, key: Pkcs11Object, input: Uint8Array) => unknown) => {
      const all = [0, 1, 2, 3, 4, 5, 6, 7].map((i) =>
        sign(i & 4 ? other : on.session, objects[i & 1]!, inputs[i >> 1 & 1]!)
      );
      return (await Promise.all(all)).map((result) => Buffer.from(result as Uint8Array).toString("hex"));
    };
    const wanted = [0, 1, 2, 3, 4, 5, 6, 7].map((i) =>
      createHmac("sha256", keys[i & 1]!).update(inputs[i >> 1 & 1]!).digest("hex")
    );
    for (let round = 0; round < 3; round++) {
      assertEquals(await results((session, key, input) => session.sign(key, CKM.SHA256_HMAC, input)), wanted);
      assertEquals(await results((session, key, input) => session.signSync(key, CKM.SHA256_HMAC, input)), wanted);
    }
  });

  it("encrypts what WebCrypto decrypts, and decrypts what it encrypts", { skip }, async () => {
    const mechanism = aesCbc({ iv });
    const encrypted = await on.session.encrypt(aes, mechanism, data);
    const plain = await crypto.subtle.decrypt({ name: "AES-CBC", iv }, webKey, encrypted);
    assertEquals(new Uint8Array(plain), data);
    const other = await crypto.subtle.encrypt({ name: "AES-CBC", iv }, webKey, data);
    assertEquals(on.session.decryptSync(aes, mechanism, new Uint8Array(other)), data);
  });

  it("large data goes and comes whole, in place and on a worker", { skip }, async () => {
    const large = new Uint8Array(3 * 1024 * 1024 + 5).map((_, i) => i * 31);
    const mechanism = aesCbc({ iv });
    const expected = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CBC", iv }, webKey, large));
    assertEquals(Buffer.compare(on.session.encryptSync(aes, mechanism, large), expected), 0);
    assertEquals(Buffer.compare(await on.session.encrypt(aes, mechanism, large), expected), 0);
    assertEquals(Buffer.compare(await on.session.decrypt(aes, mechanism, expected), large), 0);
  });

  it("AES-GCM agrees with WebCrypto, and a changed tag is an error that frees the session", { skip }, async () => {
    const mechanism = aesGcm({ iv: iv.subarray(0, 12), additionalData: data });
    const encrypted = await on.session.encrypt(aes, mechanism, data);
    const gcmKey = await crypto.subtle.importKey("raw", keyBytes, "AES-GCM", false, ["encrypt"]);
    const options = { name: "AES-GCM", iv: iv.subarray(0, 12), additionalData: data };
    assertEquals(encrypted, new Uint8Array(await crypto.subtle.encrypt(options, gcmKey, data)));
    encrypted[0]! ^= 1;
    await assertRejects(() => on.session.decrypt(aes, mechanism, encrypted), Pkcs11Error);
    assertThrows(() => on.session.decryptSync(aes, mechanism, encrypted), Pkcs11Error);
    assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
  });

  it("digests agree with node:crypto, empty data too", { skip }, async () => {
    for (const [mechanism, name] of [[CKM.SHA256, "sha256"], [CKM.SHA384, "sha384"], [CKM.SHA512, "sha512"]] as const) {
      for (const input of [data, new Uint8Array(0)]) {
        const expected = new Uint8Array(createHash(name).update(input).digest());
        assertEquals(on.session.digestSync(mechanism, input), expected);
        assertEquals(await on.session.digest(mechanism, input), expected);
      }
    }
  });

  it("inputs may be bytes of any kind, and later changes of theirs have no effect", { skip }, async () => {
    const expected = new Uint8Array(createHash("sha256").update(data).digest());
    const inputs = [data.slice(), data.slice().buffer, new DataView(data.slice().buffer)];
    const results = inputs.map((input) => on.session.digest(CKM.SHA256, input));
    for (const input of inputs) new Uint8Array(ArrayBuffer.isView(input) ? input.buffer : input).fill(0);
    for (const result of results) assertEquals(await result, expected);
    const within = new Uint8Array(300);
    within.set(data, 100);
    assertEquals(on.session.digestSync(CKM.SHA256, within.subarray(100, 200)), expected);
  });

  it("HMAC and RSA signatures are those of node:crypto", { skip }, async () => {
    const expected = new Uint8Array(createHmac("sha256", keyBytes).update(data).digest());
    assertEquals(await on.session.sign(hmacKey, CKM.SHA256_HMAC, data), expected);
    const signature = await on.session.sign(rsa.privateKey, CKM.SHA256_RSA_PKCS, data);
    assert(verify("sha256", data, rsaPublicKey(), signature));
    const mechanism = rsaPss({ hash: "SHA-256", saltLength: 32 });
    const pss = on.session.signSync(rsa.privateKey, mechanism, data);
    const key = { key: rsaPublicKey(), padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    assert(verify("sha256", data, key, pss));
  });

  it("a wrong signature is false, one of a wrong length too, a wrong mechanism an error", { skip }, async () => {
    const signature = on.session.signSync(rsa.privateKey, CKM.SHA256_RSA_PKCS, data);
    assert(await on.session.verify(rsa.publicKey, CKM.SHA256_RSA_PKCS, data, signature));
    signature[9]! ^= 1;
    assertFalse(await on.session.verify(rsa.publicKey, CKM.SHA256_RSA_PKCS, data, signature));
    assertFalse(on.session.verifySync(rsa.publicKey, CKM.SHA256_RSA_PKCS, data, signature.subarray(1)));
    const error = await assertRejects(
      () => on.session.verify(rsa.publicKey, CKM.AES_CBC, data, signature),
      Pkcs11Error,
    );
    assertEquals(error.fn, "C_VerifyInit");
  });

  it("RSA decrypts what node:crypto has encrypted", { skip }, async () => {
    const padding = constants.RSA_PKCS1_PADDING;
    const encrypted = publicEncrypt({ key: rsaPublicKey(), padding }, data);
    assertEquals(await on.session.decrypt(rsa.privateKey, CKM.RSA_PKCS, encrypted), data);
  });

  it("a raw RSA signature gives its data back", { skip }, async () => {
    const digest = createHash("sha256").update(data).digest();
    const signature = await on.session.sign(rsa.privateKey, CKM.RSA_PKCS, digest);
    assertEquals(new Uint8Array(publicDecrypt(rsaPublicKey(), signature)), new Uint8Array(digest));
    const error = await assertRejects(() => on.session.signRecover(rsa.privateKey, CKM.RSA_PKCS, digest), Pkcs11Error);
    assertEquals(error.code, CKR.FUNCTION_NOT_SUPPORTED);
  });

  it("operations in parts give what one piece gives, in both forms", { skip }, async () => {
    const whole = on.session.encryptSync(aes, aesCbc({ iv }), data);
    const encryptor = on.session.encryptor(aes, aesCbc({ iv }));
    const parts = [await encryptor.update(data.subarray(0, 33)), await encryptor.update(data.subarray(33))];
    assertEquals(Buffer.concat([...parts, await encryptor.final()]), Buffer.from(whole));
    const decryptor = on.session.decryptorSync(aes, aesCbc({ iv }));
    const plain = [decryptor.update(whole.subarray(0, 5)), decryptor.update(whole.subarray(5)), decryptor.final()];
    assertEquals(Buffer.concat(plain), Buffer.from(data));
    const signer = on.session.signerSync(hmacKey, CKM.SHA256_HMAC);
    signer.update(data.subarray(0, 50));
    signer.update(data.subarray(50));
    const signature = signer.final();
    assertEquals(signature, on.session.signSync(hmacKey, CKM.SHA256_HMAC, data));
    const verifier = on.session.verifier(hmacKey, CKM.SHA256_HMAC);
    await verifier.update(data);
    assert(await verifier.final(signature));
    const digester = on.session.digester(CKM.SHA256);
    await digester.update(data);
    await digester.key(hmacKey);
    const expected = createHash("sha256").update(data).update(keyBytes).digest();
    assertEquals(await digester.final(), new Uint8Array(expected));
  });

  it("parts that are not awaited keep their order", { skip }, async () => {
    const digester = on.session.digester(CKM.SHA256);
    const updates = Array.from({ length: 20 }, (_, i) => digester.update(data.subarray(i * 5, i * 5 + 5)));
    const result = digester.final();
    await Promise.all(updates);
    assertEquals(await result, on.session.digestSync(CKM.SHA256, data));
  });

  it("an open operation in parts keeps other cryptography and searches away, and nothing else", { skip }, async () => {
    const signer = on.session.signer(hmacKey, CKM.SHA256_HMAC);
    await signer.update(data);
    for (
      const call of [
        () => on.session.sign(hmacKey, CKM.SHA256_HMAC, data),
        () => on.session.findObjects(),
        () => on.session.digest(CKM.SHA256, data),
      ]
    ) {
      assertEquals((await assertRejects(call, SessionBusyError)).operation, "an open signer");
    }
    assertThrows(() => on.session.encryptorSync(aes, aesCbc({ iv })), SessionBusyError);
    assertEquals((await on.session.generateRandom(8)).length, 8);
    assertEquals((await aes.get(["keyType"])).keyType, CKK.AES);
    await signer.close();
    assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
    await assertRejects(() => signer.update(data), TypeError, "has ended");
  });

  it("operations in parts that were left open are ended", { skip }, async () => {
    for (const make of ["encryptor", "decryptor"] as const) {
      await using parts = on.session[make](aes, aesCbc({ iv }));
      await parts.update(data);
    }
    {
      using signer = on.session.signerSync(hmacKey, CKM.SHA256_HMAC);
      signer.update(data);
    }
    {
      using digester = on.session.digesterSync(CKM.SHA256);
      digester.update(data);
    }
    {
      using verifier = on.session.verifierSync(hmacKey, CKM.SHA256_HMAC);
      verifier.update(data);
    }
    assertEquals(on.session.signSync(hmacKey, CKM.SHA256_HMAC, data).length, 32);
    assertEquals(on.session.encryptSync(aes, aesCbc({ iv }), data).length, 112);
  });

  it("a part that fails ends the operation", { skip }, async () => {
    const decryptor = on.session.decryptor(aes, aesCbc({ iv }));
    await decryptor.update(data.subarray(0, 20));
    await assertRejects(() => decryptor.final(), Pkcs11Error);
    assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
  });

  it("streams encrypt and decrypt what flows through them", { skip }, async () => {
    const large = new Uint8Array(200_000).map((_, i) => i * 7);
    const encryption = on.session.encryptStream(aes, aesCbc({ iv }));
    assertInstanceOf(encryption, TransformStream);
    const encrypted = await bytesOf(chunks(large, 4096).pipeThrough(encryption));
    const expected = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CBC", iv }, webKey, large));
    assertEquals(Buffer.compare(encrypted, expected), 0);
    const plain = await bytesOf(chunks(encrypted, 1000).pipeThrough(on.session.decryptStream(aes, aesCbc({ iv }))));
    assertEquals(Buffer.compare(plain, large), 0);
  });

  it("sign, verify and digest take streams; one that fails frees the session", { skip }, async () => {
    const signature = await on.session.sign(hmacKey, CKM.SHA256_HMAC, chunks(data, 7));
    assertEquals(signature, on.session.signSync(hmacKey, CKM.SHA256_HMAC, data));
    assert(await on.session.verify(hmacKey, CKM.SHA256_HMAC, chunks(data, 9), signature));
    assertEquals(await on.session.digest(CKM.SHA256, chunks(data, 1)), on.session.digestSync(CKM.SHA256, data));
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(data);
        controller.error(new Error("cut"));
      },
    });
    await assertRejects(() => on.session.digest(CKM.SHA256, broken), Error, "cut");
    assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
  });

  it(
    "a stream of Node that fails before it is read rejects the call, or ends with one that is refused",
    { skip },
    async () => {
      for (const signal of [undefined, AbortSignal.abort(new Error("given up"))]) {
        const source = new PassThrough();
        const digesting = on.session.digest(CKM.SHA256, source, { signal });
        source.destroy(new Error("gone early"));
        const closed = new Promise((resolve) => source.once("close", resolve));
        await assertRejects(() => digesting, Error, signal ? "given up" : "gone early");
        await closed;
      }
      assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
    },
  );

  it("sign, verify and digest take whatever gives bytes piece by piece", { skip }, async () => {
    const expected = on.session.digestSync(CKM.SHA256, data);
    const signature = on.session.signSync(hmacKey, CKM.SHA256_HMAC, data);
    async function* pieces() {
      yield data.subarray(0, 7);
      yield new DataView(data.buffer, 7, 0);
      yield data.slice(7).buffer;
    }
    const ofAnotherRealm = { getReader: () => chunks(data, 9).getReader() } as ReadableStream<Uint8Array>;
    const inputs: Record<string, () => DataInput> = {
      "a Blob": () => new Blob([data.subarray(0, 50), data.subarray(50)]),
      "a file": () => new File([data], "data"),
      "a stream of Node": () => Readable.from([Buffer.from(data.subarray(0, 3)), Buffer.from(data.subarray(3))]),
      "an asynchronous generator": pieces,
      "a stream of another realm": () => ofAnotherRealm,
    };
    for (const [name, input] of Object.entries(inputs)) {
      assertEquals(await on.session.digest(CKM.SHA256, input()), expected, name);
      assertEquals(await on.session.sign(hmacKey, CKM.SHA256_HMAC, input()), signature, name);
      assert(await on.session.verify(hmacKey, CKM.SHA256_HMAC, input(), signature), name);
    }
    for (const wrong of [{}, [data], new Map(), "text", 5, null]) {
      await assertRejects(() => on.session.digest(CKM.SHA256, wrong as never), TypeError, "expected bytes, got");
    }
    assertThrows(() => on.session.digestSync(CKM.SHA256, new Blob([data]) as never), TypeError, "got a Blob");
  });

  it("an iterable that is left is told so, and the session is free", { skip }, async () => {
    const left: string[] = [];
    async function* giving(name: string, piece: unknown) {
      try {
        yield data;
        yield piece as Uint8Array;
        await new Promise(() => {});
      } finally {
        left.push(name);
      }
    }
    await assertRejects(() => on.session.digest(CKM.SHA256, giving("text", "text")), TypeError, "got a string");
    assertEquals(left, ["text"]);
    assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
    const controller = new AbortController();
    const waiting = on.session.sign(hmacKey, CKM.SHA256_HMAC, giving("waits", data), { signal: controller.signal });
    controller.abort(new Error("enough"));
    await assertRejects(() => waiting, Error, "enough");
    await on.session.idle();
    assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
  });

  it("a stream ends with its signal, and frees the session", { skip }, async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const stream = on.session.encryptStream(aes, aesCbc({ iv }), { signal });
    const writer = stream.writable.getWriter();
    const reader = stream.readable.getReader();
    const [, first] = await Promise.all([writer.write(data), reader.read()]);
    assertEquals(first.value?.length, 96);
    const next = assertRejects(() => reader.read(), Error, "enough");
    const closed = assertRejects(() => writer.closed, Error, "enough");
    controller.abort(new Error("enough"));
    await Promise.all([next, closed]);
    await on.session.idle();
    assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
    assertThrows(() => on.session.decryptStream(aes, aesCbc({ iv }), { signal }), Error, "enough");
    assertThrows(() => on.session.decryptStream(aes, aesCbc({ iv }), { signal: 5 as never }), TypeError, "AbortSignal");
    assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
  });

  it("a stream whose signal aborts while one of its sides is being ended ends at once", { skip }, async () => {
    const own = new Error("own");
    const aborting: Record<string, (abort: () => void) => unknown> = {
      "at once": (abort) => abort(),
      "a moment later": queueMicrotask,
      "a turn later": setTimeout,
      "never": () => {},
    };
    for (const [when, later] of Object.entries(aborting)) {
      for (const isRead of [false, true]) {
        const controller = new AbortController();
        const { readable, writable } = on.session.encryptStream(aes, aesCbc({ iv }), { signal: controller.signal });
        later(() => controller.abort(new Error("enough")));
        const [reader, writer] = [readable.getReader(), writable.getWriter()];
        const settled = Promise.allSettled([
          isRead ? reader.read() : null,
          writer.write(data),
          writer.abort(own),
          reader.closed,
          writer.closed,
        ]);
        for (const result of await settled) {
          const reason = result.status === "rejected" ? result.reason : own;
          assert(reason === own || reason.message === "enough", `${when}: ${reason}`);
        }
        await on.session.idle();
        assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);

        const other = on.session.encryptStream(aes, aesCbc({ iv }), { signal: AbortSignal.any([]) });
        const written = other.writable.getWriter().write(data);
        await other.readable.cancel(own);
        assertEquals(await assertRejects(() => written), own);
        await on.session.idle();
      }
    }
  });

  it("a stream that is closed before anybody reads gives its end all the same", { skip }, async () => {
    const { readable, writable } = on.session.encryptStream(aes, aesCbc({ iv }));
    await writable.close();
    assertEquals((await new Response(readable).bytes()).length, 16);
    await on.session.idle();
  });

  it("a stream that is cancelled frees the session", { skip }, async () => {
    const stream = chunks(new Uint8Array(100_000), 1000).pipeThrough(on.session.encryptStream(aes, aesCbc({ iv })));
    const reader = stream.getReader();
    await reader.read();
    await reader.cancel();
    await on.session.idle();
    assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
  });

  it("a signal that takes no listener, or keeps it, holds neither its call nor the module", { skip }, async () => {
    const module = await Module.load(on.token.module, { managed: "gp11" });
    const session = await (await module.findSlot(on.token.label)).openSession();
    const own = { aborted: false, throwIfAborted() {}, removeEventListener() {} };
    const refusing = {
      ...own,
      addEventListener() {
        throw new Error("no listener");
      },
    };
    const keeping = { ...own, addEventListener() {}, removeEventListener: undefined };
    const digest = (signal: unknown) => session.digest(CKM.SHA256, data, { signal: signal as AbortSignal });
    for (let call = 0; call < 2; call++) await assertRejects(() => digest(refusing), Error, "no listener");
    await assertRejects(() => digest(keeping), TypeError, "not an AbortSignal");
    assertEquals((await digest(undefined)).length, 32);
    module.closeSync();
  });

  /** A signal of somebody's own, an asynchronous iterable of one piece, and what is done with them. */
  const foreign = (own: object) => {
    const done = { read: 0, returned: 0 };
    const next = () =>
      Promise.resolve(done.read++ > 0 ? { done: true, value: undefined } : { done: false, value: data });
    const end = () => {
      done.returned++;
      return Promise.resolve({ done: true, value: undefined });
    };
    const source = { [Symbol.asyncIterator]: () => ({ next, return: end }) } as AsyncIterable<Uint8Array>;
    const listens = { addEventListener() {}, removeEventListener() {}, throwIfAborted() {} };
    return { done, source, signal: { aborted: false, ...listens, ...own } as unknown as AbortSignal };
  };
  const throws = () => {
    throw new Error("no listener");
  };

  /** Calls that read a stream to its end. */
  const reading: Record<string, (source: DataInput, signal: AbortSignal) => Promise<unknown>> = {
    digest: (source, signal) => on.session.digest(CKM.SHA256, source, { signal }),
    sign: (source, signal) => on.session.sign(hmacKey, CKM.SHA256_HMAC, source, { signal }),
    verify: (source, signal) => {
      const signature = createHmac("sha256", keyBytes).update(data).digest();
      return on.session.verify(hmacKey, CKM.SHA256_HMAC, source, signature, { signal });
    },
  };
  for (const [name, call] of Object.entries(reading)) {
    it(`${name} of a stream takes foreign signals as it does with bytes`, { skip }, async () => {
      const none = foreign({ removeEventListener: undefined });
      await assertRejects(
        () => call(none.source, none.signal),
        TypeError,
        "Cannot make the call: options.signal is an object, not an AbortSignal",
      );
      assertEquals(none.done, { read: 0, returned: 0 });

      const refusing = foreign({ addEventListener: throws });
      await assertRejects(() => call(refusing.source, refusing.signal), Error, "no listener");
      assertEquals(refusing.done, { read: 0, returned: 1 });

      const keeping = foreign({ removeEventListener: throws });
      const { result, reported } = await reportsOf(() => call(keeping.source, keeping.signal));
      assert(result === true || (result as Uint8Array).length === 32);
      assert(reported.length > 0 && reported.every((error) => (error as Error).message === "no listener"));
      assertEquals(keeping.done, { read: 2, returned: 0 });
      assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
    });
  }

  it("a cipher stream frees the session, whatever a foreign signal makes of its listener", { skip }, async () => {
    const stream = (own: object) => on.session.encryptStream(aes, aesCbc({ iv }), { signal: foreign(own).signal });
    assertThrows(() => stream({ addEventListener: throws }), Error, "no listener");
    await on.session.idle();
    assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
    const { result, reported } = await reportsOf(() =>
      bytesOf(chunks(data, 10).pipeThrough(stream({ removeEventListener: throws })))
    );
    assertEquals(result.length, 112);
    assert(reported.length > 0);
    assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
  });

  it("a source that gives nothing is let go, and its call ends, when the session is closed", { skip }, async () => {
    const session = await on.another();
    const cancelled = Promise.withResolvers<unknown>();
    const asked = Promise.withResolvers<void>();
    const silent = new ReadableStream<Uint8Array>({
      pull: () => (asked.resolve(), new Promise(() => {})),
      cancel: cancelled.resolve,
    }, { highWaterMark: 0 });
    const digest = assertRejects(() => session.digest(CKM.SHA256, silent), SessionClosedError);
    await asked.promise;
    await session.close();
    assert(await cancelled.promise instanceof SessionClosedError);
    await digest;
  });

  it("many inputs give what each of them gives", { skip }, async () => {
    const inputs = Array.from({ length: 300 }, (_, i) => data.subarray(0, i % 100));
    const digests = await on.session.digestMany(CKM.SHA256, inputs);
    assertEquals(digests, inputs.map((input) => new Uint8Array(createHash("sha256").update(input).digest())));
    const signatures = on.session.signManySync(hmacKey, CKM.SHA256_HMAC, inputs);
    assertEquals(signatures[77], new Uint8Array(createHmac("sha256", keyBytes).update(inputs[77]!).digest()));
    signatures[3]![0]! ^= 1;
    const results = await on.session.verifyMany(hmacKey, CKM.SHA256_HMAC, inputs, signatures);
    assertEquals(results.map((right, i) => right ? -1 : i).filter((i) => i >= 0), [3]);
    assertEquals(on.session.verifyManySync(hmacKey, CKM.SHA256_HMAC, inputs, signatures), results);
    const encrypted = await on.session.encryptMany(aes, aesCbc({ iv }), inputs);
    assertEquals(on.session.decryptSync(aes, aesCbc({ iv }), encrypted[50]!), inputs[50]);
    assertEquals(await on.session.decryptMany(aes, aesCbc({ iv }), encrypted), inputs);
    assertEquals(on.session.decryptManySync(aes, aesCbc({ iv }), encrypted), inputs);
    const damaged = [encrypted[0]!, data.subarray(0, 17), encrypted[1]!];
    await assertRejects(() => on.session.decryptMany(aes, aesCbc({ iv }), damaged), Pkcs11Error);
    assertThrows(() => on.session.decryptManySync(aes, aesCbc({ iv }), damaged), Pkcs11Error);
    await assertRejects(
      () => on.session.signMany(rsa.privateKey, CKM.RSA_PKCS, [data, new Uint8Array(999)]),
      Pkcs11Error,
    );
    assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
    assertEquals(await on.session.digestMany(CKM.SHA256, []), []);
    const changing = inputs.map((input) => input.slice());
    const now = on.session.digestMany(CKM.SHA256, changing);
    const later = on.session.digestMany(CKM.SHA256, changing);
    for (const input of changing) input.fill(0xff);
    assertEquals([await now, await later], [digests, digests]);
    assert(changing.every((input) => input.every((byte) => byte === 0xff)));
  });

  it("an error tells which of many inputs it is about", { skip }, async () => {
    const { session } = on;
    const long = new Uint8Array(999);
    const failed = [
      await assertRejects(() => session.signMany(rsa.privateKey, CKM.RSA_PKCS, [data, data, long, data]), Pkcs11Error),
      assertThrows(() => session.signManySync(rsa.privateKey, CKM.RSA_PKCS, [data, data, long, long]), Pkcs11Error),
      await assertRejects(() => session.encryptMany(rsa.publicKey, CKM.RSA_PKCS, [data, data, long]), Pkcs11Error),
    ];
    for (const error of failed) {
      assertEquals(error.index, 2);
      assert(error.message.includes(`${error.fn} for inputs[2] on the token`), error.message);
    }
    const unfit = assertThrows(() => session.signManySync(hmacKey, CKM.RSA_PKCS, [data]), Pkcs11Error);
    assertEquals([unfit.fn, unfit.index], ["C_SignInit", undefined]);
    const wrong = [data, "x"] as unknown as Uint8Array<ArrayBuffer>[];
    const because = "expected bytes, got a string";
    await assertRejects(
      () => session.signMany(hmacKey, CKM.SHA256_HMAC, wrong),
      TypeError,
      `Cannot use inputs[1]: ${because}`,
    );
    assertThrows(
      () => session.verifyManySync(hmacKey, CKM.SHA256_HMAC, [data, data], wrong),
      TypeError,
      `Cannot use signatures[1]: ${because}`,
    );
    const holes = new Array<Uint8Array<ArrayBuffer>>(3).fill(data, 0, 2);
    assertThrows(() => session.digestManySync(CKM.SHA256, holes), TypeError, "Cannot use inputs[2]");
  });

  it("a key found in one session works in another of the same token, and on no other token", { skip }, async () => {
    const other = await on.another();
    assertEquals(await other.sign(hmacKey, CKM.SHA256_HMAC, data), on.session.signSync(hmacKey, CKM.SHA256_HMAC, data));
    await other.close();
    const slots = await on.module.slots({ tokenPresent: true });
    const free = slots.find((slot) => !slot.hasFlagsSync(CKF.TOKEN_INITIALIZED))!;
    await free.initToken("12345678", "stranger");
    const strangers = (await on.module.slots()).find((slot) => slot.tokenInfoSync().label === "stranger")!;
    await using stranger = await strangers.openSession();
    await assertRejects(() => stranger.sign(hmacKey, CKM.SHA256_HMAC, data), TypeError, "the key is on slot");
  });
});
