// Options that there are none of, where something would become weaker without a word: refused, with the name that was meant.
import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { verifyJws, verifyJwt, verifyMessage } from "../../http/mod.ts";
import { nearest } from "../../internal/expected.ts";
import { aesCbc, aesCmac, aesGcm, ecdh1, hkdf, kbkdf, rsaPss } from "../../session/mechanisms/mod.ts";
import { CKM, createSelfSignedCertificate } from "../../session/mod.ts";
import { softhsmSkip } from "../_support/softhsm.ts";
import { TokenSession } from "../_support/token_session.ts";

/** Options as JavaScript gives them. */
function untyped<T>(options: object): T {
  return options as T;
}

const iv = new Uint8Array(12);

describe("an option that there is none of", () => {
  it("is refused by builders of mechanisms, with the nearest one's name", () => {
    const refused: readonly [() => unknown, string][] = [
      [
        () => aesGcm(untyped({ iv, additonalData: iv })),
        'Cannot build AES-GCM: there is no option "additonalData"; did you mean "additionalData"?',
      ],
      [() => aesGcm(untyped({ iv, aad: iv })), 'Cannot build AES-GCM: there is no option "aad"'],
      [() => aesCbc(untyped({ iv: new Uint8Array(16), padding: false })), 'there is no option "padding"'],
      [() => rsaPss(untyped({ hash: "SHA-256", saltLenght: 20 })), 'did you mean "saltLength"?'],
      [() => hkdf(untyped({ hash: "SHA-256", Salt: iv })), 'did you mean "salt"?'],
      [() => ecdh1(untyped({ public: iv, shareddata: iv })), 'did you mean "sharedData"?'],
      [() => aesCmac(untyped({ lenght: 8 })), 'did you mean "length"?'],
      [() => aesCmac(untyped({ constructor: 8 })), 'there is no option "constructor"'],
      [
        () => kbkdf({ mode: "counter", prf: "SHA-256", parts: [untyped({ counter: 32, litleEndian: true })] }),
        'Cannot build the counter of SP 800-108: there is no option "litleEndian"; did you mean "littleEndian"?',
      ],
    ];
    for (const [build, message] of refused) assertThrows(build, TypeError, message);
  });

  it("is let be where it is undefined, WebCrypto's name of an algorithm, or of an object of a class", () => {
    class Parameters {
      readonly iv = iv;
      readonly owner = "somebody";
    }
    const { type } = aesGcm({ iv });
    assertEquals(aesGcm(untyped({ iv, aad: undefined })).type, type);
    assertEquals(aesGcm(untyped({ name: "AES-GCM", iv, additionalData: iv, tagLength: 128 })).type, type);
    assertEquals(aesGcm(new Parameters()).type, type);
  });

  it(
    "is refused beside data that is to be authenticated, and in what a certificate says",
    { skip: softhsmSkip },
    async () => {
      const on = await TokenSession.open();
      try {
        const { session } = on;
        const key = await session.generateKey(CKM.AES_KEY_GEN, { valueLen: 16, wrap: true, extractable: true });
        await assertRejects(
          () => session.wrapKey(key, CKM.AES_KEY_WRAP, key, untyped({ additionaldata: iv })),
          TypeError,
          'Cannot authenticate data: there is no option "additionaldata"; did you mean "additionalData"?',
        );
        const pair = await session.generateKeyPair(CKM.EC_KEY_PAIR_GEN, { namedCurve: "P-256" }, {});
        const certify = (options: object) =>
          createSelfSignedCertificate(pair, untyped({ subject: "CN=x", ...options }));
        await assertRejects(() => certify({ notAftr: new Date() }), TypeError, 'did you mean "notAfter"?');
        await assertRejects(
          () => certify({ basicConstraints: { ca: true, pathLenght: 0 } }),
          TypeError,
          'Cannot use basicConstraints: there is no option "pathLenght"; did you mean "pathLength"?',
        );
        await assertRejects(
          () => certify({ extensions: [{ oid: "1.2.3", critcal: true, value: Uint8Array.of(5, 0) }] }),
          TypeError,
          'did you mean "critical"?',
        );
      } finally {
        await on.close();
      }
    },
  );

  it("is refused by what verifies", async () => {
    const key = untyped<never>({ kty: "OKP", crv: "Ed25519", x: "" });
    await assertRejects(
      () => verifyJwt("a.b.c", key, untyped({ isuer: "https://issuer.example" })),
      TypeError,
      'Cannot verify the token: there is no option "isuer"; did you mean "issuer"?',
    );
    await assertRejects(() => verifyJwt("a.b.c", key, untyped({ maxTokenAge: 1 })), TypeError, '"maxTokenAge"');
    await assertRejects(() => verifyJws("a.b.c", key, untyped({ algorithm: ["ES256"] })), TypeError, '"algorithms"?');
    const request = new Request("http://example.com/");
    await assertRejects(
      () => verifyMessage(request, untyped({ key: () => null, require: ["@method"] })),
      TypeError,
      'did you mean "required"?',
    );
  });
});

describe("names that are near", () => {
  it("are those one slip away, and more for long ones", () => {
    assertEquals(nearest("lable", ["label", "value", "class"]), ["label"]);
    assertEquals(nearest("EXTRACTIBEL", ["extractable", "encrypt"]), ["extractable"]);
    assertEquals(nearest("zzz", ["label", "id"]), []);
  });
});
