// session/keys/partners.ts, session/tls/certificate_chain.ts: which of several certificates of one key is used.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { after, afterEach, before, describe, it } from "node:test";
import { CKM } from "../../../ffi/constants/mod.ts";
import {
  createCertificateRequest,
  createSelfSignedCertificate,
  issueCertificate,
} from "../../../session/certificates/mod.ts";
import { ObjectAmbiguousError } from "../../../session/errors.ts";
import { mostValid } from "../../../session/keys/forms/certificate.ts";
import { checkChain, readChain } from "../../../session/tls/certificate_chain.ts";
import type { Pkcs11KeyPair } from "../../../session/tokens/options.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";

const DAY = 86_400_000;
const day = (days: number): Date => new Date(Date.now() + days * DAY);

describe("of several certificates of a key", () => {
  it("one that is valid now comes first, then the one that is valid the longest, then the newest", () => {
    const at = (name: string, begin: number, end: number) => ({
      name,
      notBefore: new Date(begin),
      notAfter: new Date(end),
    });
    const nameOf = (...certificates: ReturnType<typeof at>[]) => {
      const backwards = mostValid(certificates.toReversed(), 100).name;
      assertEquals(mostValid(certificates, 100).name, backwards);
      return backwards;
    };
    const [ended, now, longer, later] = [
      at("ended", 0, 99),
      at("now", 50, 150),
      at("longer", 0, 200),
      at("later", 101, 900),
    ];
    assertEquals(nameOf(ended, now), "now");
    assertEquals(nameOf(ended, now, longer, later), "longer");
    assertEquals(nameOf(ended, later), "later");
    assertEquals(nameOf(longer, at("newer", 60, 200)), "newer");
    assertEquals(nameOf(ended, at("ended before", 0, 50)), "ended");
    assertEquals(nameOf(at("to its last moment", 0, 100), later), "to its last moment");
  });
});

describe("a key whose certificate was renewed", { skip: softhsmSkip }, () => {
  let on: TokenSession;
  const made: Pkcs11Object[] = [];
  before(async () => {
    on = await TokenSession.open();
  });
  afterEach(async () => {
    for (const object of made.splice(0)) await object.destroy();
  });
  after(() => on?.close());

  async function pair(id: string): Promise<Pkcs11KeyPair> {
    const keys = await on.session.generateKeyPair(
      CKM.EC_KEY_PAIR_GEN,
      { namedCurve: "P-256", id, label: "renewed", verify: true },
      { id, label: "renewed", sign: true },
    );
    made.push(keys.publicKey, keys.privateKey);
    return keys;
  }

  async function certified(keys: Pkcs11KeyPair, name: string, from: number, to: number): Promise<Pkcs11Object> {
    const validity = { notBefore: day(from), notAfter: day(to) };
    const pem = await createSelfSignedCertificate(keys, { subject: `CN=${name}`, ...validity });
    const certificate = await on.session.importCertificate(pem, { label: "renewed" });
    made.push(certificate);
    return certificate;
  }

  it("has the one that is valid, in whatever order they came in", async () => {
    const old = ["old", -30, -1] as const;
    const renewed = ["new", -1, 30] as const;
    for (const order of [[old, renewed], [renewed, old]]) {
      const keys = await pair(order.join());
      for (const [name, from, to] of order) await certified(keys, name, from, to);
      for (const key of [keys.privateKey, keys.publicKey]) {
        assertEquals((await (await key.certificate())!.x509()).subject, "CN=new");
        assertEquals(key.certificateSync()!.x509Sync().subject, "CN=new");
      }
    }
  });

  it("has one that has ended where there is no other", async () => {
    const keys = await pair("ended");
    const only = await certified(keys, "ended", -30, -1);
    assert((await keys.privateKey.certificate())!.equals(only));
  });

  it("is named as a client by a URI that all its certificates match; those of several keys are ambiguous", async () => {
    const keys = await pair("client");
    await certified(keys, "old", -30, -1);
    const renewed = await certified(keys, "new", -1, 30);
    const chain = () => readChain(checkChain(["pkcs11:object=renewed;type=cert"]), on.session, {});
    assertEquals(await chain(), [(await renewed.x509()).der]);
    await certified(await pair("another"), "another", -1, 30);
    await assertRejects(chain, ObjectAmbiguousError);
  });

  it("of an authority stands with the one that is valid in the chains below it", async () => {
    const [authority, server] = [await pair("authority"), await pair("server")];
    const old = await certified(authority, "authority", -30, -1);
    const request = await createCertificateRequest(server, { subject: "CN=server" });
    const issued = await issueCertificate(request, { issuer: old, key: authority.privateKey });
    const leaf = await on.session.importCertificate(issued, { label: "leaf" });
    made.push(leaf);
    const renewed = await certified(authority, "authority", -1, 30);
    const chain = await on.session.certificateChain(leaf);
    assertEquals(chain.map(({ handle }) => handle), [leaf.handle, renewed.handle]);
  });
});
