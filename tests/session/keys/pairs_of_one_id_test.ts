// session/keys/find_public.ts, half_by_signature.ts: several pairs of one CKA_ID or label, and what belongs to which key.
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { tracingChannel } from "node:diagnostics_channel";
import { after, afterEach, before, describe, it } from "node:test";
import { CKM } from "../../../ffi/constants/mod.ts";
import type { AttributesInit } from "../../../session/attributes/attributes_init.ts";
import { createSelfSignedCertificate } from "../../../session/certificates/mod.ts";
import { ObjectAmbiguousError, ObjectNotFoundError } from "../../../session/errors.ts";
import { tokenSigner } from "../../../session/signer/token_signer.ts";
import type { TracedCall } from "../../../session/mod.ts";
import type { Pkcs11KeyPair } from "../../../session/tokens/options.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";
import { tokenCrypto } from "../../../webcrypto/mod.ts";

const message = new TextEncoder().encode("what is signed");
const id = new TextEncoder().encode("one for all");

/** Names of the functions that are called meanwhile. */
async function callsOf(work: () => Promise<unknown>): Promise<string[]> {
  const called: string[] = [];
  const listen = (call: unknown) => void called.push((call as TracedCall).fn);
  const channel = tracingChannel("gp11:call").start;
  channel.subscribe(listen);
  try {
    await work();
  } finally {
    channel.unsubscribe(listen);
  }
  return called;
}

describe("pairs of one CKA_ID", { skip: softhsmSkip }, () => {
  let on: TokenSession;
  const made: Pkcs11Object[] = [];
  before(async () => {
    on = await TokenSession.open();
  });
  afterEach(async () => {
    for (const object of made.splice(0)) await object.destroy().catch(() => {});
  });
  after(() => on?.close());

  async function pairs(
    count: number,
    { mechanism = CKM.EC_KEY_PAIR_GEN as number, kind = { namedCurve: "P-256" } as AttributesInit, ...more } = {},
    name: AttributesInit = { id, label: "pair" },
    own: AttributesInit = {},
  ): Promise<Pkcs11KeyPair[]> {
    const found: Pkcs11KeyPair[] = [];
    for (let index = 0; index < count; index++) {
      const pair = await on.session.generateKeyPair(
        mechanism,
        { verify: true, token: false, private: false, ...kind, ...name, ...more },
        { sign: true, token: false, ...name, ...own },
      );
      found.push(pair);
      made.push(pair.publicKey, pair.privateKey);
    }
    return found;
  }

  const kinds = {
    "P-256": {},
    "P-521": { kind: { namedCurve: "P-521" } as AttributesInit },
    Ed25519: { mechanism: CKM.EC_EDWARDS_KEY_PAIR_GEN, kind: { namedCurve: "Ed25519" } as AttributesInit },
    RSA: {
      mechanism: CKM.RSA_PKCS_KEY_PAIR_GEN,
      kind: { modulusBits: 2048, publicExponent: Uint8Array.of(1, 0, 1) } as AttributesInit,
    },
  };
  for (const [name, kind] of Object.entries(kinds)) {
    it(`each private key has the public half of its own pair: ${name}`, async () => {
      for (const { publicKey, privateKey } of await pairs(3, kind)) {
        const own = await publicKey.publicKey("spki");
        assertEquals(await privateKey.publicKey("spki"), own);
        assertEquals(privateKey.publicKeySync("spki"), own);
        assertEquals((await tokenSigner(privateKey)).spki(), own);
        assert((await publicKey.privateKey())!.equals(privateKey));
        assert(publicKey.privateKeySync()!.equals(privateKey));
      }
    });
  }

  it("signs to tell them only where there are several, and an RSA key tells its own", async () => {
    const [one] = await pairs(1);
    const alone = await callsOf(() => one!.privateKey.publicKey("spki"));
    assertEquals(alone.filter((fn) => fn === "C_SignInit"), []);
    const [two] = await pairs(1);
    const among = await callsOf(() => two!.privateKey.publicKey("spki"));
    assertEquals(among.filter((fn) => fn === "C_SignInit"), ["C_SignInit"]);
    const [rsa] = await pairs(2, kinds.RSA, { id: Uint8Array.of(7) });
    const told = await callsOf(() => rsa!.privateKey.publicKey("spki"));
    assertEquals(told.filter((fn) => fn === "C_SignInit"), []);
  });

  it("certificates of that CKA_ID are found for their keys, and keys for their certificates", async () => {
    const all = await pairs(3);
    const certificates: Pkcs11Object[] = [];
    for (const pair of all) {
      const pem = await createSelfSignedCertificate(pair, { subject: "CN=one of several" });
      const certificate = await on.session.importCertificate(pem, { id, token: false });
      made.push(certificate);
      certificates.push(certificate);
    }
    for (const without of [false, true]) {
      for (const [index, { privateKey }] of all.entries()) {
        assert((await privateKey.certificate())!.equals(certificates[index]!));
        assert((await certificates[index]!.privateKey())!.equals(privateKey));
        assertEquals(await privateKey.publicKey("spki"), await certificates[index]!.publicKey("spki"));
      }
      if (!without) { for (const { publicKey } of all) await publicKey.destroy(); }
    }
  });

  it("refuses to choose for a key whose use wants an act of its user, or that does not sign", async () => {
    for (const own of [{ private: true, alwaysAuthenticate: true }, { sign: false, derive: true }]) {
      const name = { id: crypto.getRandomValues(new Uint8Array(8)) };
      const [{ publicKey, privateKey }] = await pairs(2, {}, name, { ...own, sensitive: true }) as [Pkcs11KeyPair];
      const error = await assertRejects(() => privateKey.publicKey("spki"), ObjectAmbiguousError);
      assertMatch(error.message, /2 have the CKA_ID [0-9a-f]{16} .*give each pair a CKA_ID of its own/);
      await assertRejects(() => publicKey.privateKey(), ObjectAmbiguousError, "Cannot find the private key");
      await assertRejects(() => tokenSigner(privateKey), TypeError, "give it as publicKey");
      assertEquals((await tokenSigner(privateKey, { publicKey })).spki(), await publicKey.publicKey("spki"));
    }
  });

  it("the only public half there is given to the key that it belongs to, and to no other", async () => {
    const [one, two] = await pairs(2, {}, { id, label: "half a pair" }) as [Pkcs11KeyPair, Pkcs11KeyPair];
    await two.publicKey.destroy();
    const half = await one.publicKey.publicKey("spki");
    assertEquals(await one.privateKey.publicKey("spki"), half);
    assertEquals((await tokenSigner(one.privateKey)).spki(), half);
    await assertRejects(() => two.privateKey.publicKey("spki"), ObjectNotFoundError);
    await assertRejects(() => tokenSigner(two.privateKey), TypeError, "does not tell the key's public half");
    assert((await one.publicKey.privateKey())!.equals(one.privateKey));
    await using crypto = await tokenCrypto(on.slot, { pin: on.token.userPin });
    await crypto.keyPair(one.privateKey);
    await assertRejects(() => crypto.keyPair(two.privateKey));
    const pem = await createSelfSignedCertificate(one, { subject: "CN=one of two" });
    made.push(await on.session.importCertificate(pem, { id, token: false }));
    await one.publicKey.destroy();
    assertEquals(await one.privateKey.publicKey("spki"), half);
    assertEquals(await two.privateKey.certificate(), null);
    await assertRejects(() => createSelfSignedCertificate(two, { subject: "CN=the other" }));
  });

  it("the only public half is given to nobody where no signature tells to whom it belongs", async () => {
    const name = { id: crypto.getRandomValues(new Uint8Array(8)) };
    const [one, two] = await pairs(2, {}, name, { sign: false, derive: true, sensitive: true }) as [
      Pkcs11KeyPair,
      Pkcs11KeyPair,
    ];
    await two.publicKey.destroy();
    for (const { privateKey } of [one, two]) {
      await assertRejects(() => privateKey.publicKey("spki"), ObjectAmbiguousError, "2 have the CKA_ID");
    }
    await two.privateKey.destroy();
    assertEquals(await one.privateKey.publicKey("spki"), await one.publicKey.publicKey("spki"));
  });

  it("a key that does not sign may be one that does once more: what that one tells is no sign of its half", async () => {
    const name = { id: crypto.getRandomValues(new Uint8Array(8)) };
    const [signing, stranger] = await pairs(2, {}, name, { derive: true }) as [Pkcs11KeyPair, Pkcs11KeyPair];
    const silent = await on.session.copyObject(signing.privateKey, { sign: false });
    made.push(silent);
    await stranger.privateKey.destroy();
    const halves = [signing.publicKey, stranger.publicKey];
    for (const left of [halves, [stranger.publicKey]]) {
      await assertRejects(() => silent.publicKey("spki"), ObjectAmbiguousError, "2 have the CKA_ID");
      await assertRejects(() => stranger.publicKey.privateKey(), ObjectAmbiguousError, "Cannot find the private key");
      if (left === halves) {
        assert((await signing.publicKey.privateKey())!.equals(signing.privateKey));
        await signing.publicKey.destroy();
      }
    }
  });

  it("a signer takes the half that is given for one of its key only", async () => {
    const [one, two] = await pairs(2) as [Pkcs11KeyPair, Pkcs11KeyPair];
    const { publicKey } = one;
    assertEquals((await tokenSigner(one.privateKey, { publicKey })).spki(), await publicKey.publicKey("spki"));
    await assertRejects(() => tokenSigner(two.privateKey, { publicKey }), TypeError, "not the public half");
  });

  const places = { "in the token": true, "given from outside": false };
  for (const [place, isInToken] of Object.entries(places)) {
    it(`a signer finds its own key again among several, its public half ${place}`, async () => {
      const jwks = await Promise.all([0, 1, 2].map(async () => {
        const { privateKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
        return await crypto.subtle.exportKey("jwk", privateKey);
      }));
      const name = { id, label: "pair", token: true };
      const bringIn = async ({ key_ops: _, ext: __, ...jwk }: JsonWebKey) => {
        const pair = await on.session.importKeyPair(jwk as Parameters<typeof on.session.importKeyPair>[0], name, name);
        made.push(pair.publicKey, pair.privateKey);
        return pair;
      };
      await using sessions = on.slot.sessionPool({ max: 1, readWrite: true });
      for (const own of jwks) {
        const { d: _, key_ops: __, ext: ___, ...publicKey } = own;
        let all = await Promise.all(jwks.map(bringIn));
        const key = all[jwks.indexOf(own)]!.privateKey;
        if (!isInToken) { for (const pair of all) await pair.publicKey.destroy(); }
        const signer = await tokenSigner(key, { sessions, ...isInToken ? {} : { publicKey: publicKey as JsonWebKey } });
        for (const order of [jwks, jwks.toReversed()]) {
          for (const object of made.splice(0)) await object.destroy().catch(() => {});
          all = [];
          for (const jwk of order) all.push(await bringIn(jwk));
          if (!isInToken) { for (const pair of all) await pair.publicKey.destroy(); }
          const signature = await signer.sign(message);
          const verifier = await crypto.subtle.importKey(
            "spki",
            signer.spki(),
            { name: "ECDSA", namedCurve: "P-256" },
            true,
            [
              "verify",
            ],
          );
          assert(await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, verifier, signature, message));
        }
        for (const object of made.splice(0)) await object.destroy().catch(() => {});
      }
    });
  }

  it("a label tells the half of a key that has no CKA_ID, where a signature confirms it", async () => {
    const none = { label: "named alone", id: new Uint8Array() };
    for (const { publicKey, privateKey } of await pairs(2, {}, none)) {
      assertEquals((await tokenSigner(privateKey)).spki(), await publicKey.publicKey("spki"));
      assert((await publicKey.privateKey())!.equals(privateKey));
    }
    const [alone] = await pairs(1, {}, { ...none, label: "alone" });
    assertEquals((await tokenSigner(alone!.privateKey)).spki(), await alone!.publicKey.publicKey("spki"));
    const [left, gone] = await pairs(2, {}, { ...none, label: "one half is gone" }) as [Pkcs11KeyPair, Pkcs11KeyPair];
    await gone.publicKey.destroy();
    await assertRejects(() => tokenSigner(gone.privateKey), TypeError, "give both halves of each pair a CKA_ID");
    await assertRejects(() => gone.privateKey.publicKey("spki"), ObjectNotFoundError, "no CKA_ID");
    assertEquals(await left.privateKey.publicKey("spki"), await left.publicKey.publicKey("spki"));
  });
});
