// Options that there are none of, where something would become weaker without a word: refused, with the name that was meant.
import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  AuthManager,
  AwsSigV4,
  ContentDecoder,
  CookieJar,
  decodeContent,
  Dpop,
  dpopProof,
  HarRecorder,
  HstsEnforcer,
  HttpCache,
  HttpSession,
  Logger,
  MessageSignatures,
  PasswordManager,
  privateKeyJwt,
  ProxyResolver,
  RateLimit,
  Retry,
  type Signer,
  signJws,
  signJwt,
  signMessage,
  Timeouts,
  verifyJws,
  verifyJwt,
  verifyMessage,
} from "../../http/mod.ts";
import { nearest } from "../../internal/expected.ts";
import { aesCbc, aesCmac, aesGcm, ecdh1, hkdf, kbkdf, rsaPss } from "../../session/mechanisms/mod.ts";
import { OpenTelemetry } from "../../opentelemetry/mod.ts";
import {
  CKM,
  CKU,
  createSelfSignedCertificate,
  findByUri,
  type FindByUriOptions,
  loadModules,
  Module,
  sessionPool,
  trustAnchors,
} from "../../session/mod.ts";
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

describe("an option of HTTP that there is none of", () => {
  it("is refused by a session, which would go past its proxy, or trust whom the system trusts", async () => {
    const refused: Readonly<Record<string, string>> = {
      proxy: 'Cannot make a session: there is no option "proxy"; did you mean "proxyUri"?',
      proxyURI: 'did you mean "proxyUri"?',
      proxyResolver: 'there is no option "proxyResolver"',
      tlsDatabse: 'did you mean "tlsDatabase"?',
      maxConsPerHost: 'did you mean "maxConnsPerHost"',
    };
    for (const [name, message] of Object.entries(refused)) {
      assertThrows(() => new HttpSession({ [name]: "x" }), TypeError, message);
    }
    class Settings {
      readonly timeout = 5;
      readonly owner = "somebody";
    }
    await using session = new HttpSession(new Settings());
    assertEquals(session.timeout, 5);
    await using other = new HttpSession(untyped({ timeout: 6, proxy: undefined }));
    assertEquals(other.timeout, 6);
  });

  it("is refused by features that would hide, limit, keep or check less", () => {
    const signer = { algorithm: "EdDSA", keyId: "a", sign: () => Promise.resolve(iv) };
    const refused: readonly [() => unknown, string][] = [
      [() => new AuthManager(untyped({ scheme: [] })), '"schemes"?'],
      [() => new PasswordManager(untyped({ stroe: null })), '"store"?'],
      [() => new HttpCache(untyped({ shraed: true })), 'Cannot make a HttpCache: there is no option "shraed"'],
      [() => new CookieJar(untyped({ acceptpolicy: "never" })), '"acceptPolicy"?'],
      [() => new CookieJar().setCookie("a=b", "http://a.example/", untyped({ firstparty: "x" })), '"firstParty"?'],
      [() => new HstsEnforcer(untyped({ stores: null })), '"store"?'],
      [() => new HstsEnforcer().setSessionPolicy("a.example", untyped({ includeSubdomains: true })), "SubDomains"],
      [
        () => new Timeouts(untyped({ totl: 5 })),
        'Cannot make Timeouts: there is no option "totl"; did you mean "total"?',
      ],
      [() => new Retry(untyped({ method: ["GET"] })), '"methods"?'],
      [() => new Retry({ budget: untyped({ capactiy: 1 }) }), '"capacity"?'],
      [() => new RateLimit(untyped({ request: 1 })), '"requests"?'],
      [() => new ContentDecoder(untyped({ maxsize: 1 })), '"maxSize"?'],
      [() => ProxyResolver.fromUri("http://proxy.example", untyped({ ignoreHost: [] })), '"ignoreHosts"?'],
      [() => ProxyResolver.fromEnvironment(untyped({ environment: {} })), '"environment"'],
      [() => new Logger(untyped({ hiddenHeader: ["x-pin"] })), '"hiddenHeaders"'],
      [() => new HarRecorder(untyped({ hiddenParameter: ["pin"] })), '"hiddenParameters"'],
      [() => new MessageSignatures(untyped({ signer, component: [] })), '"components"?'],
      [() => new OpenTelemetry(untyped({ redacted: ["pin"] })), '"redact"?'],
    ];
    for (const [make, message] of refused) assertThrows(make, TypeError, message);
  });

  it("is refused where a body is decoded", async () => {
    const body = new Blob(["x"]).stream();
    await assertRejects(() => decodeContent(body, [], untyped({ maxsize: 1 })).next(), TypeError, '"maxSize"?');
  });

  it("is refused by what signs tokens, messages and requests", async () => {
    const signer: Signer = { algorithm: "EdDSA", keyId: "k", sign: () => Promise.resolve(new Uint8Array(64)) };
    const aws = { credentials: { accessKeyId: "a", secretAccessKey: "s" }, region: "r", service: "s" };
    const refused: readonly [() => unknown, string][] = [
      [() => signJwt(signer, { sub: "a" }, untyped({ expiresin: 60 })), 'did you mean "expiresIn"?'],
      [() => signJws(signer, "a", {}, untyped({ detatched: true })), 'did you mean "detached"?'],
      [
        () => privateKeyJwt(untyped({ signer, clientId: "c", audience: "https://as.example", lifeTime: 5 })),
        'did you mean "lifetime"?',
      ],
      [
        () => signMessage(new Request("https://a.example/"), untyped({ signer, components: ["@method"], expire: 5 })),
        'did you mean "expires"?',
      ],
      [
        () => dpopProof(signer, untyped({ method: "GET", url: "https://a.example/", nonse: "n" })),
        'did you mean "nonce"?',
      ],
      [() => new Dpop(untyped({ signer, scopes: [] })), 'did you mean "scope"?'],
      [() => new AwsSigV4(untyped({ ...aws, scopes: [] })), 'did you mean "scope"?'],
    ];
    for (const [make, message] of refused) await assertRejects(async () => await make(), TypeError, message);
  });
});

describe("an option of modules and sessions that there is none of", { skip: softhsmSkip }, () => {
  it("is refused where a module is loaded, or objects and roots are looked for", async () => {
    const load = 'Cannot load the module: there is no option "manged"; did you mean "managed"?';
    assertThrows(() => Module.loadSync("none.so", untyped({ manged: false })), TypeError, load);
    await assertRejects(() => Module.load("none.so", untyped({ manged: false })), TypeError, load);
    await assertRejects(() => loadModules(untyped({ trustd: true })), TypeError, '"trusted"?');
    await assertRejects(() => trustAnchors(untyped({ purposes: "serverAuth" })), TypeError, '"purpose"?');
    assertThrows(() => findByUri("pkcs11:", untyped<FindByUriOptions>({ module: [] })), TypeError, '"modules"?');
  });

  it("is refused where a session is opened, logs in or is pooled, before a PIN is tried", async () => {
    const on = await TokenSession.open();
    try {
      const { session } = on;
      const { module, slot } = session;
      let asked = 0;
      const pin = () => (asked++, "0000");
      const login = { pin, maxTrys: 1 };
      const spec = 'Cannot use the login: there is no option "maxTrys"; did you mean "maxTries"?';
      await assertRejects(() => slot.openSession({ login: untyped(login) }), TypeError, spec);
      assertThrows(() => slot.openSessionSync({ login: untyped(login) }), TypeError, spec);
      await assertRejects(
        () => slot.openSession({ login: untyped({ pin, usertype: CKU.SO }) }),
        TypeError,
        'did you mean "userType"?',
      );
      await assertRejects(
        () => slot.openSession(untyped({ readwrite: true })),
        TypeError,
        'Cannot open a session: there is no option "readwrite"; did you mean "readWrite"?',
      );
      await assertRejects(
        () => session.login(CKU.USER, pin, untyped({ maxtries: 1 })),
        TypeError,
        'Cannot log in: there is no option "maxtries"; did you mean "maxTries"?',
      );
      assertThrows(() => slot.sessionPool({ login: untyped(login) }), TypeError, spec);
      assertThrows(() => slot.sessionPool(untyped({ maximum: 2 })), TypeError, 'there is no option "maximum"');
      assertThrows(() => sessionPool([slot], untyped({ retryafter: 2 })), TypeError, '"retryAfter"?');
      assertThrows(() => module.poolSessions = untyped({ maxIdleMS: 2 }), TypeError, '"maxIdleMs"?');
      assertEquals(asked, 0);
      await sessionPool([slot], { retryAfter: 10, max: 1 }).close();
    } finally {
      await on.close();
    }
  });
});

describe("names that are near", () => {
  it("are those one slip away, and more for long ones", () => {
    assertEquals(nearest("lable", ["label", "value", "class"]), ["label"]);
    assertEquals(nearest("EXTRACTIBEL", ["extractable", "encrypt"]), ["extractable"]);
    assertEquals(nearest("zzz", ["label", "id"]), []);
  });
});
