// About session/certificates/ and session/signer/: requests and certificates made by token keys, verified by OpenSSL.
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import { slh_dsa_sha2_128f } from "@noble/post-quantum/slh-dsa.js";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, before, describe, it } from "node:test";
import { CKK, CKM } from "../../../ffi/constants/mod.ts";
import {
  createCertificateRequest,
  createSelfSignedCertificate,
  issueCertificate,
} from "../../../session/certificates/mod.ts";
import { readRequest, requestContent } from "../../../session/certificates/certificate_request.ts";
import { certificateScheme, isSignedBy } from "../../../session/certificates/certificate_signature.ts";
import { writeName } from "../../../session/certificates/distinguished_name.ts";
import { makeExtensions } from "../../../session/certificates/extensions.ts";
import { parameterSetByName, type ParameterSetName } from "../../../session/attributes/named_parameters.ts";
import {
  bits,
  context,
  contextTag,
  type DerValue,
  octets,
  oid,
  primitive,
  raw,
  sequence,
  setOf,
  small,
  writeDer,
} from "../../../session/keys/forms/asn1.ts";
import { certificateKey, readCertificate } from "../../../session/keys/forms/certificate.ts";
import type { AsymmetricMaterial } from "../../../session/keys/forms/key_material.ts";
import { readKeySync } from "../../../session/keys/forms/read_key.ts";
import { writeSpki } from "../../../session/keys/forms/write_der.ts";
import type { Module } from "../../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { Pkcs11KeyPair } from "../../../session/tokens/options.ts";
import { x509Of } from "../../../session/keys/x509.ts";
import { nameText } from "../../../internal/x509/der.ts";
import { openSoftokn, softoknSkip } from "../../_support/softokn.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";

const skip = softhsmSkip;

function openssl(args: readonly string[], input = ""): string {
  return execFileSync("openssl", args, { input, stdio: ["pipe", "pipe", "pipe"] }).toString();
}

function asymmetricMaterial(pem: string): AsymmetricMaterial {
  const { material } = readKeySync(pem, undefined);
  assert(material.kind !== "secret");
  return material;
}

describe("certificates made by a token's key", () => {
  let on: TokenSession;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(`${tmpdir()}/gp11-certificates-`);
    if (!skip) on = await TokenSession.open();
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    await on?.close();
  });

  const write = (name: string, text: string): string => {
    writeFileSync(`${folder}/${name}`, text);
    return `${folder}/${name}`;
  };

  /** A pair of the token, from a key of OpenSSL's. */
  async function pair(algorithm: string): Promise<Pkcs11KeyPair> {
    const args = algorithm === "RSA"
      ? ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
      : /^Ed/.test(algorithm)
      ? ["-algorithm", algorithm]
      : ["-algorithm", "EC", "-pkeyopt", `ec_paramgen_curve:${algorithm}`];
    return await on.session.importKeyPair(openssl(["genpkey", ...args]));
  }

  for (const algorithm of ["RSA", "P-256", "P-384", "P-521", "secp256k1", "brainpoolP320r1", "Ed25519", "Ed448"]) {
    it(`OpenSSL takes a request and a certificate that signs itself: ${algorithm}`, { skip }, async () => {
      const key = await pair(algorithm);
      const options = {
        subject: "CN=example.org,O=Example\\, Inc.,C=DE",
        subjectAltNames: [
          "example.org",
          "*.example.org",
          "192.0.2.7",
          "2001:db8::7",
          "https://example.org/x",
          "a@example.org",
        ],
        keyUsage: ["digitalSignature", "keyCertSign"],
        extendedKeyUsage: ["serverAuth", "1.2.3.4"],
        basicConstraints: { ca: true, pathLength: 0 },
      };
      const request = await createCertificateRequest(key, options);
      assertEquals(
        openssl(["req", "-verify", "-noout", "-subject", "-nameopt", "RFC2253"], request)
          // Later versions of OpenSSL say here what older ones say among the errors.
          .replace(/^Certificate request self-signature verify OK\n/, ""),
        "subject=CN=example.org,O=Example\\, Inc.,C=DE\n",
      );

      const pem = await createSelfSignedCertificate(key, { ...options, notAfter: new Date("2051-02-03T04:05:06Z") });
      const path = write("self.pem", pem);
      openssl(["verify", "-check_ss_sig", "-x509_strict", "-CAfile", path, path]);
      const text = openssl(["x509", "-noout", "-text"], pem);
      for (
        const said of [
          /CA:TRUE, pathlen:0/,
          /Digital Signature, Certificate Sign/,
          /TLS Web Server Authentication, 1\.2\.3\.4/,
          /DNS:example\.org, DNS:\*\.example\.org, IP Address:192\.0\.2\.7, IP Address:2001:DB8:0:0:0:0:0:7/,
          /Not After : Feb {2}3 04:05:06 2051/,
          /Subject Key Identifier/,
        ]
      ) assertMatch(text, said);
      assertEquals(openssl(["x509", "-noout", "-pubkey"], pem), await key.publicKey.publicKey("pem"));
    });
  }

  it("a small CA: a request is checked, certified, and stands in a chain that OpenSSL verifies", { skip }, async () => {
    const authority = await pair("P-384");
    const authorityPem = await createSelfSignedCertificate(authority, {
      subject: "CN=Test CA",
      basicConstraints: { ca: true },
      keyUsage: ["keyCertSign", "cRLSign"],
      hash: "SHA-512",
    });
    const issuer = await on.session.importCertificate(authorityPem);
    const server = await pair("P-256");
    const request = await createCertificateRequest(server, {
      subject: "CN=asked",
      subjectAltNames: ["server.example"],
      basicConstraints: { ca: true },
    });
    const der = Uint8Array.fromBase64(request.split("\n").slice(1, -2).join(""));
    const [asked, serialNumber] = [der.slice(), Uint8Array.of(0xff, 1)];
    const issuing = issueCertificate(asked, { issuer, extendedKeyUsage: ["serverAuth"], serialNumber });
    // Bytes are taken as they are at the call, also where what reads them is not loaded yet.
    for (const given of [asked, serialNumber]) given.fill(0);
    const pem = await issuing;
    openssl([
      "verify",
      "-x509_strict",
      "-purpose",
      "sslserver",
      "-verify_hostname",
      "server.example",
      "-CAfile",
      write("ca.pem", authorityPem),
      write("leaf.pem", pem),
    ]);
    const leaf = x509Of(readCertificate(pem));
    assertEquals([leaf.subject, leaf.issuer, leaf.serialNumber], ["CN=asked", "CN=Test CA", "FF01"]);
    assertEquals(leaf.subjectAltNames, ["server.example"]);
    // What the request asks for is not given unless it is named.
    assert(!openssl(["x509", "-noout", "-text"], pem).includes("CA:TRUE"));

    const stored = await on.session.importCertificate(pem);
    const chain = await on.session.certificateChain(stored);
    assertEquals(chain.map((each) => each.x509Sync().subject), ["CN=asked", "CN=Test CA"]);
    assert((await stored.privateKey())!.equals(server.privateKey));

    der[der.length - 5]! ^= 1;
    await assertRejects(() => issueCertificate(der, { issuer }), TypeError, "not signed by its own key");
    await assertRejects(
      () => issueCertificate(request, { issuer, key: server.privateKey }),
      TypeError,
      "does not belong",
    );
  });

  it("what a request asks for twice, or damaged, is not copied", { skip }, async () => {
    const half = asymmetricMaterial(openssl(["genpkey", "-algorithm", "Ed25519"]));
    const asking = (...extensions: DerValue[]) => {
      const wanted = sequence(oid("1.2.840.113549.1.9.14"), setOf(sequence(...extensions)));
      const content = sequence(small(0), raw(writeName("CN=asks")), raw(writeSpki(half)), context(0, wanted));
      return writeDer(sequence(content, sequence(oid("1.3.101.112")), bits(new Uint8Array(64))));
    };
    const extension = (value: Uint8Array) => sequence(oid("2.5.29.17"), octets(value));
    const authority = await pair("P-256");
    const issuer = await on.session.importCertificate(
      await createSelfSignedCertificate(authority, { subject: "CN=CA", basicConstraints: { ca: true } }),
    );
    const right = writeDer(sequence(primitive(contextTag(2, false), new TextEncoder().encode("a.example"))));
    for (
      const [request, problem] of [
        [asking(extension(right), extension(right)), "it has the extension 2.5.29.17 twice"],
        [asking(extension(right.slice(0, -1))), "its extension 2.5.29.17"],
        [asking(extension(right)), "not signed by its own key"],
      ] as const
    ) await assertRejects(() => issueCertificate(request, { issuer }), TypeError, problem);
  });

  it("halves that do not belong together are refused", { skip }, async () => {
    const [one, other] = [await pair("P-256"), await pair("P-256")];
    const mixed = { publicKey: one.publicKey, privateKey: other.privateKey };
    await assertRejects(
      () => createCertificateRequest(mixed, { subject: "CN=x" }),
      TypeError,
      "does not belong to the public key",
    );
    const ofAnotherType = { publicKey: one.publicKey, privateKey: (await pair("RSA")).privateKey };
    await assertRejects(
      () => createSelfSignedCertificate(ofAnotherType, { subject: "CN=x" }),
      TypeError,
      "does not belong to the public key",
    );
  });

  it("what was asked for is taken as it was then", { skip }, async () => {
    const key = { ...await pair("P-256") };
    const value = new Uint8Array([5, 0]);
    const extension = { oid: "1.2.3.4", value };
    const asked = { subject: "CN=then", subjectAltNames: ["then.example"], extensions: [extension] };
    const issuer = await on.session.importCertificate(await createSelfSignedCertificate(key, { subject: "CN=issuer" }));
    const change = () => {
      asked.subject = "nothing";
      asked.subjectAltNames[0] = "now.example";
      value.fill(1);
      extension.oid = "none";
      key.privateKey = key.publicKey = null as never;
    };
    const request = createCertificateRequest(key, asked);
    change();
    const text = openssl(["req", "-noout", "-text", "-verify"], await request);
    for (const expected of ["CN = then", "then.example", "1.2.3.4"]) assert(text.includes(expected), text);
    const names = ["dNSName.example"];
    const issued = issueCertificate(await request, { issuer, subjectAltNames: names });
    names[0] = "now.example";
    assert(openssl(["x509", "-noout", "-text"], await issued).includes("dNSName.example"));
  });

  it(
    "what holds itself, or is of many levels, is read no deeper than an option lies, and refused",
    { skip },
    async () => {
      const asked: Record<string, unknown> = { subject: "CN=itself" };
      asked.itself = asked;
      let many: unknown[] = [asked];
      for (let i = 0; i < 64; i++) many = [many, many];
      const key = await pair("P-256");
      for (const odd of [asked, { subject: "CN=many", many }, { subject: "CN=many", keyUsage: many }]) {
        await assertRejects(() => createCertificateRequest(key, odd as { subject: string }), TypeError);
      }
    },
  );

  it("a name that has its kind before it is written as that kind or refused, and never guessed", () => {
    const written = (name: string) => {
      const { value } = makeExtensions({ subjectAltNames: [name] })[0]!;
      return `${value[2]! & 31}:${
        value[2] === 0x87 ? value.subarray(4).toHex() : new TextDecoder().decode(value.subarray(4))
      }`;
    };
    const taken: readonly [name: string, written: string][] = [
      ["DNS:*.example.org", "2:*.example.org"],
      ["dns:a", "2:a"],
      ["IP:192.0.2.1", "7:c0000201"],
      ["IP:fe80::1", "7:fe800000000000000000000000000001"],
      ["email:a@example.org", "1:a@example.org"],
      ["URI:https://a@example.org:443/", "6:https://a@example.org:443/"],
      ["URI:tel:112", "6:tel:112"],
      ["urn:uuid:7", "6:urn:uuid:7"],
      ["sip:a@example.org", "6:sip:a@example.org"],
      ["https://[2001:db8::7]/", "6:https://[2001:db8::7]/"],
      ["a@example.org", "1:a@example.org"],
    ];
    for (const [name, expected] of taken) assertEquals(written(name), expected);
    const refused: readonly [name: string, message: RegExp][] = [
      ["IP:fe80::1%eth0", /what it names is no IP name/],
      ["IP:example.org", /no IP name/],
      ["DNS:a@b", /no DNS name/],
      ["DNS:192.0.2.1", /no DNS name/],
      ["192.0.2.700", /is no DNS name/],
      ["DNS:a.b.", /no DNS name/],
      ["email:http://a@b", /no email name/],
      ["email:a", /no email name/],
      ["URI:http://", /no URI name/],
      ["URI:http:///x", /no URI name/],
      ["URI:http://a@/", /no URI name/],
      ["URI:http:a", /no URI name/],
      ["URI:example.org", /no URI name/],
      ["RID:1.2.3", /no names of the kind "RID", only DNS, IP, email and URI/],
      ["dirName:foo", /no names of the kind "dirName"/],
      ["otherName:foo", /no names of the kind "otherName"/],
      ["DNS.1:foo", /no names of the kind "DNS\.1"/],
      ["example.org:443", /its kind may stand before it: DNS:, IP:, email: or URI:/],
      ["localhost:443", /its kind may stand before it/],
      ["fe80::1%eth0", /its kind may stand before it/],
      ["a.b.", /is no DNS name/],
      ["URI:https://b\u00fccher.example/", /write it in ASCII/],
    ];
    for (const [name, message] of refused) assertMatch(assertThrows(() => written(name), TypeError).message, message);
  });

  it("what is no name, use or time is refused before the token signs", { skip }, async () => {
    const key = await on.session.generateKeyPair(CKM.EC_KEY_PAIR_GEN, {
      ecParams: Uint8Array.fromHex("06082a8648ce3d030107"),
      token: false,
      verify: true,
    }, { token: false, sign: true });
    const refused: readonly [object, string][] = [
      [{ subject: "example.org" }, "is no TYPE=value"],
      [{ subject: "XX=1" }, 'the type "XX" is unknown'],
      [{ subject: "C=DEU" }, "no code of two letters"],
      [{ subject: "CN=" }, "is empty"],
      [{ subject: "CN=a\\" }, "ends with a backslash"],
      [{ subject: "CN=a\0b" }, "has a NUL in it"],
      [{ subject: `CN=${"a".repeat(20_000)}` }, "it has 20003 characters"],
      [{ subject: "CN=x", subjectAltNames: ["a b"] }, "no DNS name"],
      [{ subject: "CN=x", subjectAltNames: ["b\u00fccher.example"] }, "xn-- form"],
      [{ subject: `CN=${"a".repeat(65)}` }, '"CN" has 65 characters, at most 64 are allowed'],
      [{ subject: "CN=x", keyUsage: ["sign"] }, 'keyUsage "sign"'],
      [{ subject: "CN=x", keyUsage: [] }, "expected a list"],
      [{ subject: "CN=x", extendedKeyUsage: ["web"] }, 'extendedKeyUsage "web"'],
      [{ subject: "CN=x", basicConstraints: { ca: false, pathLength: 1 } }, "pathLength"],
      [{ subject: "CN=x", extensions: [{ oid: "x", value: new Uint8Array() }] }, "no object identifier"],
      [{ subject: "CN=x", extensions: [{ oid: "1.2.3", value: Uint8Array.of(1) }] }, "the extension 1.2.3"],
      [{ subject: "CN=x", hash: "MD5" }, 'the hash "MD5"'],
      [{ subject: "CN=x", notAfter: new Date(NaN) }, "notAfter"],
      [{ subject: "CN=x", notBefore: new Date(2e12), notAfter: new Date(1e12) }, "before notBefore"],
      [{ subject: "CN=x", serialNumber: new Uint8Array(3) }, "serial number"],
      [{ subject: "CN=x", serialNumber: new Uint8Array(21).fill(1) }, "serial number"],
      [{ subject: "CN=x", subjectAltNames: holding([]) }, "expected a list of names"],
      [{ subject: "CN=x", keyUsage: holding([]) }, "keyUsage"],
      [{ subject: "CN=x", extensions: holding([]) }, "no object identifier"],
    ];
    for (const [options, message] of refused) {
      const error = await assertRejects(() => createSelfSignedCertificate(key, options as { subject: string }));
      assert(error instanceof TypeError || error instanceof RangeError, String(error));
      assert(error.message.includes(message), error.message);
    }
  });
});

/** A list that holds itself. */
function holding(list: unknown[]): unknown[] {
  list.push(list);
  return list;
}

/** Requests by keys that this CA's token knows nothing of: OpenSSL's, and of the library that has those it lacks. */
const requests: Readonly<Record<string, () => Uint8Array<ArrayBuffer>>> = {
  "RSA": () => opensslRequest("rsa:2048", "-sha384"),
  ...Object.fromEntries(
    ["secp224r1", "P-521", "secp256k1", "brainpoolP256r1", "brainpoolP320r1"].map((
      curve,
    ) => [curve, () => opensslRequest("ec", "-pkeyopt", `ec_paramgen_curve:${curve}`)]),
  ),
  "P-256 with SHA-512": () => opensslRequest("ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-sha512"),
  "Ed25519": () => opensslRequest("ed25519"),
  "Ed448": () => opensslRequest("ed448"),
  "ML-DSA-44": () => postQuantumRequest("ML-DSA-44", ml_dsa44),
  "SLH-DSA-SHA2-128f": () => postQuantumRequest("SLH-DSA-SHA2-128f", slh_dsa_sha2_128f),
};

function opensslRequest(key: string, ...more: string[]): Uint8Array<ArrayBuffer> {
  const args = [
    "req",
    "-new",
    "-newkey",
    key,
    ...more,
    ..."-nodes -keyout /dev/null -outform DER -subj /CN=asks".split(" "),
  ];
  return new Uint8Array(execFileSync("openssl", args, { stdio: ["ignore", "pipe", "ignore"] }));
}

function postQuantumRequest(
  name: ParameterSetName,
  library: {
    keygen(): { secretKey: Uint8Array; publicKey: Uint8Array };
    sign(data: Uint8Array, key: Uint8Array): Uint8Array;
  },
): Uint8Array<ArrayBuffer> {
  const { publicKey, secretKey } = library.keygen();
  const set = parameterSetByName(name)!;
  const half = {
    kind: "post-quantum",
    set,
    publicKey: new Uint8Array(publicKey),
    seed: null,
    privateKey: null,
  } as const;
  const content = requestContent(half, { subject: "CN=asks" });
  return writeDer(
    sequence(raw(content), sequence(oid(set.oid)), bits(new Uint8Array(library.sign(content, secretKey)))),
  );
}

describe("a CA whose token cannot check what it certifies", { skip: softoknSkip }, () => {
  let module: Module;
  let issuer: Pkcs11Object;
  let key: Pkcs11Object;
  before(async () => {
    const opened = await openSoftokn();
    module = opened.module;
    const { session } = opened;
    const pair = await session.generateKeyPair(CKM.EC_KEY_PAIR_GEN, { namedCurve: "P-256", verify: true }, {
      sign: true,
    });
    key = pair.privateKey;
    const options = { subject: "CN=softokn CA", basicConstraints: { ca: true } };
    issuer = await session.importCertificate(await createSelfSignedCertificate(pair, options));
  });
  after(() => module?.close());

  for (const [name, make] of Object.entries(requests)) {
    it(`certifies what is signed by its key, and nothing else: ${name}`, async () => {
      const request = make();
      const leaf = readCertificate(await issueCertificate(request, { issuer, key }));
      assertEquals(nameText(leaf.subject), "CN=asks");
      const { key: asked } = readRequest(request);
      assertEquals(writeSpki(certificateKey(leaf)), writeSpki(asked));
      // The last byte of the signature, and the last of the name.
      const name = new TextEncoder().encode("asks");
      const inName = request.findIndex((_, at) => name.every((byte, index) => request[at + index] === byte));
      for (const at of [request.length - 1, inName]) {
        const changed = request.slice();
        changed[at]! ^= 1;
        await assertRejects(() => issueCertificate(changed, { issuer, key }), TypeError, "not signed by its own key");
      }
    });
  }

  it("says so where nobody can tell whether a signature is right", async () => {
    // A key that signs nothing, and a scheme that is none of its.
    const material = asymmetricMaterial(openssl(["genpkey", "-algorithm", "X25519"]));
    const scheme = certificateScheme(
      asymmetricMaterial(openssl(["genpkey", "-algorithm", "Ed25519"])),
    ).scheme;
    const content = new Uint8Array(8);
    const error = await assertRejects(
      () => isSignedBy({ material, scheme, content, signature: new Uint8Array(64) }, issuer.session),
      Error,
    );
    assertEquals(error.name, "NotSupportedError");
    assertEquals(
      error.message,
      "Cannot check a signature by EdDSA with the X25519 key: neither the runtime nor the token can",
    );
    assertEquals(await issuer.session.findObjects({ keyType: CKK.EC_MONTGOMERY }), []);
  });
});

describe("a distinguished name", () => {
  const names: readonly (readonly [text: string, read: string])[] = [
    ["CN=a", "CN=a"],
    ["CN=a,OU=b,O=c,L=d,ST=e,C=DE", "CN=a,OU=b,O=c,L=d,ST=e,C=DE"],
    [" cn = a , O=b", "CN=a,O=b"],
    ["CN=\\ spaces at both ends\\ ", "CN=\\ spaces at both ends\\ "],
    ['CN=\\#\\,\\+\\"\\\\\\<\\>\\;', 'CN=\\#\\,\\+\\"\\\\\\<\\>\\;'],
    ["CN=B\\c3\\bccher \ud83d\udcd6", "CN=B\u00fccher \ud83d\udcd6"],
    ["DC=example,DC=org", "DC=example,DC=org"],
    ["2.5.4.3=a", "CN=a"],
    ["1.2.3.4=#0c0161", "1.2.3.4=#0c0161"],
    ["", ""],
  ];
  for (const [text, read] of names) {
    it(`is written as it is read: ${JSON.stringify(text)}`, () => assertEquals(nameText(writeName(text)), read));
  }

  it("has the parts of one step in the order of DER", () => {
    assertEquals(nameText(writeName("UID=b+CN=a,O=c")), nameText(writeName("CN=a+UID=b,O=c")));
  });
});
