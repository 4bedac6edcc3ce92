import { Buffer } from "node:buffer";
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { readRequest } from "../../../session/certificates/certificate_request.ts";
import { writeName } from "../../../session/certificates/distinguished_name.ts";
import { makeExtensions } from "../../../session/certificates/extensions.ts";
import { loadConfiguration, registeredModules } from "../../../session/config/mod.ts";
import { readCertificate } from "../../../session/keys/forms/certificate.ts";
import { type KeyInput, readKeySync } from "../../../session/keys/forms/read_key.ts";
import { x509Of } from "../../../session/keys/x509.ts";
import { splitCommand } from "../../../session/managed/bridge.ts";
import { requestPin } from "../../../session/pins/mod.ts";
import { nameText } from "../../../internal/x509/der.ts";
import { addAttached, noPurposes, purposeOid } from "../../../session/trust/purposes.ts";
import { Pkcs11Uri } from "../../../session/uri/mod.ts";
import { assertReadsInLinearTime, type TimedReader } from "../../_support/reading_time.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const folder = temporaryFolder("reading-time");
mkdirSync(`${folder}/modules`);

/** Characters up to U+00FF as bytes. */
const bytesOf = (text: string): Bytes => new Uint8Array(Buffer.from(text, "latin1"));

/** One element of DER around others. */
function der(tag: number, ...contents: readonly Uint8Array[]): Bytes {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size = length < 0x80 ? [length] : [0x83, length >> 16, (length >> 8) & 255, length & 255];
  // The shortest form counts in DER.
  while (size.length > 2 && size[1] === 0) size.splice(1, 1);
  if (size.length > 1) size[0] = 0x80 | (size.length - 1);
  return new Uint8Array(Buffer.concat([Uint8Array.of(tag, ...size), content]));
}

const sequence = (...contents: readonly Uint8Array[]) => der(0x30, ...contents);
const oid = (...arcs: readonly number[]) => der(0x06, Uint8Array.from(arcs));
const one = der(0x02, Uint8Array.of(1));
const rsa = sequence(oid(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1), der(0x05));
const bits = (...contents: readonly Uint8Array[]) => der(0x03, Uint8Array.of(0), ...contents);
const name = (value: Uint8Array) => sequence(der(0x31, sequence(oid(0x55, 4, 3), der(0x0c, value))));
const time = der(0x17, bytesOf("300101000000Z"));
const extension = (type: number, value: Uint8Array) => sequence(oid(0x55, 0x1d, type), der(0x04, value));

/** A certificate in which the names, the serial number, the key and the extensions can be anything. */
function certificate(parts: { serial?: Bytes; subject?: Bytes; key?: Bytes; extensions?: Bytes }): Bytes {
  const { extensions, key = sequence(rsa, bits()), serial = one, subject = sequence() } = parts;
  const lists = extensions === undefined ? [] : [der(0xa3, extensions)];
  return sequence(
    sequence(serial, sequence(), sequence(), sequence(time, time), subject, key, ...lists),
    sequence(),
    bits(),
  );
}

/** Elements that stand side by side or in one another, whole and cut off. */
const elements = [
  ...["0\0", "1\0", "\x05\0", "\x02\x01\x01", "\x04\0", "\x06\x01*", "\x82\0", "\x82\x01a", "0\x02\x06\0"],
  ...["0\x80", "\xa0\x80", "$\x80", "0\x84", "1\x020\0", "\x1f\x81", "\xff"],
];

const read = {
  uri(text: string): void {
    const uri = Pkcs11Uri.parse(text);
    void [uri.token, uri.object, uri.id, uri.pinSource, uri.pinValue, uri.modulePath, uri.vendorQuery, `${uri}`];
    uri.matchToken({ label: "a", manufacturerId: "b", model: "c", serialNumber: "d" });
    uri.matchAttributes({ class: 2, label: text, id: bytesOf("a") });
    Pkcs11Uri.parse(uri.format());
  },
  moduleFile(text: string): void {
    writeFileSync(`${folder}/modules/a.module`, text);
    registeredModules(loadConfiguration({ systemModules: `${folder}/modules` }, { user: false }));
  },
  pinFile(text: string): Promise<unknown> {
    writeFileSync(`${folder}/pin`, text);
    return requestPin(`${folder}/pin`);
  },
  key(input: KeyInput): void {
    readKeySync(input, "passphrase").wipe();
  },
  certificate(input: string | Bytes): void {
    const x509 = x509Of(readCertificate(input));
    x509.publicKey("pem");
  },
};

const frames = ["…"];
const pem = ["…", "…-----BEGIN A-----", "-----BEGIN …-----\n", "-----BEGIN A-----…\n-----END A-----\n"];
const block = (
  label: string,
) => [`-----BEGIN ${label}-----\n…`, `-----BEGIN ${label}-----\n…\n-----END ${label}-----\n`];
const lines = [
  "-----BEGIN A-----\n",
  "-----BEGIN A-----\nAAAA\n-----END A-----\n",
  "-----BEGIN A-----\nAAAA\n-----END B-----\n",
];
/** A number of 2048 bits in base64url. */
const number = `${"_".repeat(341)}8`;

/** Every reader of text and bytes that come from a file, a token, a configuration or a caller's own callers. */
const readers: Record<string, TimedReader> = {
  Pkcs11Uri: {
    read: read.uri,
    frames: [
      ...["…", "pkcs11:…", "pkcs11:token=…", "pkcs11:object=…", "pkcs11:id=…", "pkcs11:slot-id=…", "pkcs11:…=a"],
      ...["pkcs11:library-version=…", "pkcs11:a;…", "pkcs11:?…", "pkcs11:?a=…", "pkcs11:?…=a", "pkcs11:?pin-value=…"],
    ],
    more: ["a=b;", "a=b&", "%00", "%ff", "1"],
  },
  "a module's file": {
    read: read.moduleFile,
    frames: [
      ...[
        "…",
        "a…",
        "a: …",
        "module: …",
        "enable-in: …",
        "disable-in: a…b",
        "priority: …",
        "priority: …1",
        "managed: …",
      ],
      ...["[…", "[…]", "…: a", " …a: b"],
    ],
    more: ["a: b\n", "#\n"],
  },
  "the command of a remote module": { read: splitCommand, frames: ["…", '"…"', "'…'", "a …"] },
  "a PIN file": { read: read.pinFile, frames, cost: 2 },
  "a pin-source": { read: (text) => requestPin(text), frames: ["…", "file:…", "file://localhost…", "a…", "a…:", "|…"] },
  "a key in PEM": {
    read: read.key,
    frames: [...pem, ...block("PRIVATE KEY"), ...block("ENCRYPTED PRIVATE KEY"), ...block("EC PARAMETERS")],
    more: lines,
  },
  "a certificate in PEM": { read: read.certificate, frames: [...pem, ...block("CERTIFICATE")], more: lines },
  "a certificate request in PEM": { read: readRequest, frames: [...pem, ...block("CERTIFICATE REQUEST")], more: lines },
  "a text of many blocks": { read: read.key, frames, more: lines, cost: 1 / 32 },
  "bytes of a key": {
    read: (text) => {
      const bytes = bytesOf(text);
      for (const input of [bytes, sequence(bytes), sequence(rsa, bits(bytes)), sequence(rsa, bits(sequence(bytes)))]) {
        attempt(() => read.key(input));
      }
      attempt(() => read.key(sequence(der(0x02, Uint8Array.of(0)), rsa, der(0x04, bytes))));
      attempt(() => read.key(sequence(sequence(bytes), der(0x04, bytes))));
      attempt(() => read.key(sequence(one, der(0x04, bytes), der(0xa0, bytes))));
    },
    frames,
    more: elements,
    cost: 8,
  },
  "numbers of a key": {
    read: (text) => {
      const number = der(0x02, bytesOf(`\x01${text}\x01`));
      const zero = der(0x02, Uint8Array.of(0));
      for (const numbers of [[number, one], [one, number], [zero, ...Array.from({ length: 8 }, () => number)]]) {
        attempt(() => read.key(sequence(...numbers)));
      }
    },
    frames,
    cost: 4,
  },
  "a JSON Web Key": {
    read: (text) => {
      for (const kty of ["RSA", "EC", "OKP", "AKP", "oct", text]) {
        for (const crv of ["P-256", "Ed25519", text]) {
          attempt(() =>
            read.key({ kty, crv, alg: "ML-DSA-44", n: text, e: text, x: text, y: text, pub: text, k: text })
          );
        }
      }
    },
    frames,
  },
  "the numbers of a JSON Web Key": {
    read: (text) => {
      attempt(() => read.key({ kty: "RSA", n: number, e: text, d: "Aw" }));
      attempt(() => read.key({ kty: "RSA", n: number, e: "Aw", d: text }));
    },
    frames: ["…", "…w", "…E"],
  },
  "bytes of a certificate": {
    read: (text) => {
      const bytes = bytesOf(text);
      const usual = [bytes, sequence(bytes), certificate({ subject: sequence(bytes) }), certificate({ key: bytes })];
      for (const input of usual) attempt(() => read.certificate(input));
      attempt(() => read.certificate(certificate({ serial: der(0x02, bytes) })));
      attempt(() => read.certificate(certificate({ extensions: sequence(bytes) })));
      attempt(() => read.certificate(certificate({ extensions: sequence(extension(17, sequence(bytes))) })));
      attempt(() => read.certificate(certificate({ key: sequence(rsa, bits(sequence(bytes))) })));
      attempt(() => readRequest(sequence(sequence(bytes), sequence(bytes), bits(bytes))));
    },
    frames,
    more: elements,
    cost: 8,
  },
  "a name in DER": {
    read: (text) => [nameText(bytesOf(text)), nameText(sequence(bytesOf(text))), nameText(name(bytesOf(text)))],
    frames,
    more: elements,
  },
  "an attached extension": {
    read: (text) => {
      for (const value of [bytesOf(text), extension(37, bytesOf(text)), extension(37, sequence(bytesOf(text)))]) {
        addAttached(noPurposes(), value);
      }
    },
    frames,
    more: elements,
  },
  "a purpose": { read: purposeOid, frames: ["…", "1.…", "1.3…x"], more: ["1.", ".1", ".0"] },
  "a distinguished name": {
    read: writeName,
    frames: ["…", "CN=…", "CN=…b", "CN=a,…", "…=a", "CN=#…", "1.2.3…=a", "C=…", "O=a+…"],
    more: ["CN=a,", "CN=a+", "\\,", "\\41", "ab", ".1"],
    cost: 4,
  },
  "names of a certificate to be": {
    read: (text) => makeExtensions({ subjectAltNames: [text] }),
    frames: ["…", "a…!", "a@…", "a:…", "*.…", "…!", "…."],
    more: ["a-", "a.", "_"],
  },
};

/** What is refused counts as read. */
function attempt(read: () => void): void {
  try {
    read();
  } catch {
    // How it is refused is another test's matter.
  }
}

describe("No reader takes time by the square of what it reads", () => {
  for (const [reader, timed] of Object.entries(readers)) {
    it(reader, async () => await assertReadsInLinearTime(reader, timed));
  }
});
