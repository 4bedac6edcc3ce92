// What is no option, no template or no object of this token is refused in the same words by every call about keys and
// certificates, before anything of it happens: in place and by waiting.
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import {
  createCertificateRequest,
  createSelfSignedCertificate,
  issueCertificate,
} from "../../../session/certificates/mod.ts";
import { CKM } from "../../../ffi/constants/mod.ts";
import { findByUri } from "../../../session/find_by_uri.ts";
import { loadModules } from "../../../session/registered_modules.ts";
import { tokenCertificate } from "../../../session/tls/token_certificate.ts";
import { Module } from "../../../session/tokens/module.ts";
import { trustAnchors } from "../../../session/trust/mod.ts";
import type { AttributesInit } from "../../../session/attributes/attributes_init.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { CallOptions } from "../../../session/core/call_options.ts";
import { tokenSigner } from "../../../session/signer/token_signer.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";

const skip = softhsmSkip;
const secret = { kty: "oct", k: "AAAAAAAAAAAAAAAAAAAAAA" };
const pair = {
  kty: "EC",
  crv: "P-256",
  x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
  y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
  d: "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
};

/** Options that are none. */
const wrongOptions: readonly unknown[] = [
  null,
  5,
  "now",
  new AbortController().signal,
  { signal: {} },
  { signal: "soon" },
  { abort: "never" },
];

/** Templates that are none. */
const wrongTemplates: readonly unknown[] = [null, 5, "label", new Map(), new Date(0), [], new Uint8Array(2)];

describe("wrong arguments of calls about keys and certificates", () => {
  let on: TokenSession;
  let keys: { publicKey: Pkcs11Object; privateKey: Pkcs11Object };
  let certificate: Pkcs11Object;
  let pem: string;
  let request: string;
  before(async () => {
    if (skip) return;
    on = await TokenSession.open();
    keys = await on.session.importKeyPair(pair, {}, { extractable: true, sensitive: false });
    pem = await createSelfSignedCertificate(keys, { subject: "CN=own" });
    request = await createCertificateRequest(keys, { subject: "CN=own" });
    certificate = await on.session.importCertificate(pem);
  });
  after(() => on?.close());

  /** Every call with right arguments, and these options. */
  function calls(options: CallOptions): readonly (() => unknown)[] {
    const { session, slot, module } = on;
    return [
      () => session.importKey(secret, {}, options),
      () => session.importKeySync(secret, {}, options),
      () => session.importKeyPair(pair, {}, {}, options),
      () => session.importKeyPairSync(pair, {}, {}, options),
      () => session.importCertificate(pem, {}, options),
      () => session.importCertificateSync(pem, {}, options),
      () => session.findObject({ class: 3 }, options),
      () => session.findObjectSync({ class: 3 }, options),
      () => session.certificateChain(certificate, options),
      () => session.certificateChainSync(certificate, options),
      () => keys.publicKey.publicKey("spki", options),
      () => keys.publicKey.publicKeySync("spki", options),
      () => keys.privateKey.exportKey("pkcs8", options),
      () => keys.privateKey.exportKeySync("pkcs8", options),
      () => keys.privateKey.certificate(options),
      () => keys.privateKey.certificateSync(options),
      () => certificate.privateKey(options),
      () => certificate.privateKeySync(options),
      () => certificate.x509(options),
      () => certificate.x509Sync(options),
      () => session.encapsulate(keys.publicKey, options),
      () => session.encapsulateSync(keys.publicKey, options),
      () => session.decapsulate(keys.privateKey, new Uint8Array(1), options),
      () => session.decapsulateSync(keys.privateKey, new Uint8Array(1), options),
      () => module.findSlot(on.token.label, options),
      () => module.findSlotSync(on.token.label, options),
      () => module.watchTokens(options),
      () => slot.sessionPool().use(() => 1, options),
      () => tokenSigner(keys.privateKey, options),
      async () => await (await tokenSigner(keys.privateKey)).sign(new Uint8Array(1), options),
    ];
  }

  for (const wrong of wrongOptions) {
    const shown = wrong instanceof AbortSignal ? "an AbortSignal" : JSON.stringify(wrong);
    it(`options that are ${shown}`, { skip }, async () => {
      const before = (await on.session.findObjects()).length;
      for (const call of calls(wrong as CallOptions)) {
        const error = await assertRejects(async () => await call(), TypeError, "Cannot make the call", String(call));
        assert(!error.message.includes("undefined"), error.message);
      }
      assertEquals((await on.session.findObjects()).length, before);
    });
  }

  it(
    "signals that are none: neither what is false nor what is true; undefined and null are given for none",
    { skip },
    async () => {
      const { module, session, slot } = on;
      const { publicKey } = keys;
      const wrong: readonly unknown[] = [false, 0, "", NaN, 5, true, "soon", {}];
      const before = (await session.findObjects()).length;
      for (const signal of wrong as AbortSignal[]) {
        const options = { signal };
        const every = [
          ...calls(options),
          () => session.objects({}, options),
          () => session.objectsSync({}, options),
          () => session.encryptStream(publicKey, CKM.RSA_PKCS, options),
          () => session.decryptStream(keys.privateKey, CKM.RSA_PKCS, options),
          () => session.digest(CKM.SHA256, new Blob([]), options),
          () => slot.openSession(options),
          () => slot.openSessionSync(options),
          () => module.waitForSlotEvent(options),
          () => module.closeAllSessions(slot, options),
          () => Module.load(module.path!, options),
          () => Module.loadSync(module.path!, options),
          () => loadModules(options),
          () => findByUri("pkcs11:", { modules: [], signal }),
          () => trustAnchors({ modules: [], signal }),
          () => tokenCertificate({ certificate: pem, key: keys.privateKey, signal }),
        ];
        for (const call of every) {
          const error = await assertRejects(async () => await call(), TypeError, "Cannot ", String(call));
          assertMatch(error.message, /: options\.signal is an? \w+, not an AbortSignal$/, String(call));
        }
      }
      assertEquals((await session.findObjects()).length, before);
      for (const signal of [undefined, null]) {
        await (await slot.openSession({ signal })).close();
        slot.openSessionSync({ signal }).closeSync();
        assertEquals((await session.digest(CKM.SHA256, new Blob([]), { signal })).length, 32);
        for await (const _ of session.objects({}, { signal })) break;
        for await (const _ of findByUri("pkcs11:", { modules: [], signal })) break;
        await module.watchTokens({ signal }).return?.();
      }
    },
  );

  it("templates that are none", { skip }, async () => {
    const { session } = on;
    for (const wrong of wrongTemplates as AttributesInit[]) {
      for (
        const call of [
          () => session.importKey(secret, wrong),
          () => session.importKeySync(secret, wrong),
          () => session.importKeyPair(pair, wrong),
          () => session.importKeyPair(pair, {}, wrong),
          () => session.importKeyPairSync(pair, wrong),
          () => session.importKeyPairSync(pair, {}, wrong),
          () => session.importCertificate(pem, wrong),
          () => session.importCertificateSync(pem, wrong),
          () => session.findObject(wrong),
          () => session.findObjectSync(wrong),
          () => session.findObjects(wrong),
          () => session.createObject(wrong),
          () => keys.publicKey.set(wrong),
        ]
      ) {
        await assertRejects(async () => await call(), TypeError, "Cannot use attributes", String(call));
      }
    }
    // What was read of an object is a template.
    const read = await keys.publicKey.getAttributes(["class", "id"]);
    assert((await session.findObjects(read)).some((found) => found.equals(keys.publicKey)));
  });

  it("keys, passphrases, forms and certificates that are none", { skip }, async () => {
    const { session } = on;
    for (const wrong of [null, undefined, 5, 5n, Symbol("s"), {}, [], () => 1, { kty: "EC", crv: 5n }]) {
      for (
        const call of [
          () => session.importKey(wrong as string),
          () => session.importKeySync(wrong as string),
          () => session.importKeyPair(wrong as string),
          () => session.importKeyPairSync(wrong as string),
          () => session.importCertificate(wrong as string),
          () => session.importCertificateSync(wrong as string),
          () => keys.publicKey.publicKey(wrong as unknown as "spki"),
          () => keys.publicKey.publicKeySync(wrong as unknown as "spki"),
          () => keys.privateKey.exportKey(wrong as unknown as "jwk"),
          () => keys.privateKey.exportKeySync(wrong as unknown as "jwk"),
          () => session.certificateChain(wrong as Pkcs11Object),
          () => session.certificateChainSync(wrong as Pkcs11Object),
          () => tokenSigner(wrong as Pkcs11Object),
          () => session.encapsulate(wrong as Pkcs11Object),
          () => session.encapsulateSync(wrong as Pkcs11Object),
          () => session.decapsulate(wrong as Pkcs11Object, new Uint8Array(1)),
          () => session.decapsulateSync(wrong as Pkcs11Object, new Uint8Array(1)),
          () => createCertificateRequest({ ...keys, publicKey: wrong as Pkcs11Object }, { subject: "CN=a" }),
          () => createSelfSignedCertificate({ ...keys, privateKey: wrong as Pkcs11Object }, { subject: "CN=a" }),
          () => issueCertificate(request, { issuer: wrong as Pkcs11Object }),
          () => issueCertificate(wrong as string, { issuer: certificate }),
        ]
      ) {
        const error = await assertRejects(async () => await call(), TypeError, undefined, String(call));
        assertMatch(error.message, /^Cannot (?!read prop|convert|destructure)/);
      }
    }
  });

  it("what no token can tell of itself finds no slot, and says so", { skip }, () => {
    const wrong: readonly [unknown, string][] = [
      [{ lable: "x" }, 'a token has no "lable"'],
      [{ label: 5 }, "label is a string, got a number"],
      [{ flags: "1" }, "flags is a number, got a string"],
      [{ firmwareVersion: 2 }, "firmwareVersion is { major, minor }, got a number"],
      [new Map(), "got a Map"],
      [new Uint8Array(4), "got an Uint8Array"],
      [[], "got an Array"],
    ];
    for (const [match, text] of wrong) assertThrows(() => on.module.findSlotSync(match as string), TypeError, text);
  });

  it("names, uses and extensions of certificates that are none", { skip }, async () => {
    const wrong: readonly [object, string][] = [
      [{ keyUsage: 5 }, "keyUsage"],
      [{ keyUsage: [] }, "keyUsage"],
      [{ extendedKeyUsage: [5n] }, "extendedKeyUsage"],
      [{ subjectAltNames: "example.org" }, "subjectAltNames"],
      [{ basicConstraints: null }, "basicConstraints"],
      [{ basicConstraints: true }, "basicConstraints"],
      [{ extensions: [null] }, "extensions"],
      [{ extensions: 5 }, "extensions"],
      [{ extensions: [{ oid: 5n }] }, "extension"],
      [{ extensions: [{ oid: "1.2.3", critical: "yes", value: Uint8Array.of(5, 0) }] }, "critical"],
      [{ hash: 5n }, "hash"],
      [{ subject: null }, "subject"],
    ];
    for (const [options, text] of wrong) {
      const said = { subject: "CN=a", ...options } as { subject: string };
      await assertRejects(() => createSelfSignedCertificate(keys, said), TypeError, text);
      await assertRejects(() => createCertificateRequest(keys, said), TypeError, text);
      await assertRejects(() => issueCertificate(request, { ...said, issuer: certificate }), TypeError, text);
    }
    await assertRejects(
      () => issueCertificate(request, { issuer: certificate, copyExtensions: [5n as unknown as string] }),
      TypeError,
      "copyExtensions",
    );
  });

  it("names of attributes to pick that are no list", { skip }, async () => {
    const attributes = await certificate.getAttributes(["label"]);
    for (const wrong of [5, null, true, {}, "label"] as never[]) {
      assertThrows(() => attributes.pick(wrong), TypeError, "Cannot pick attributes: expected a list of names");
    }
  });
});
