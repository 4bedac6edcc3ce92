/** What comes near C: keys and certificates, templates, and what a hostile module answers. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { attributeByName, type AttributeName } from "../../session/attributes/attribute_table.ts";
import { compileTemplate, type TemplateInput } from "../../session/attributes/attributes_init.ts";
import { FUNCTION_NAMES, type FunctionName } from "../../ffi/tables/functions.ts";
import { CKM } from "../../ffi/constants/mod.ts";
import { TlsDatabase } from "../../http/mod.ts";
import { certificateKey, readCertificate, subjectAltNames } from "../../session/keys/forms/certificate.ts";
import { writePem } from "../../session/keys/forms/pem.ts";
import { readKeySync } from "../../session/keys/forms/read_key.ts";
import { Module, type Session } from "../../session/mod.ts";
import type { SeededRandom } from "../../tests/_support/random.ts";
import { makeCertificates } from "../../tests/_support/tls_certificates.ts";
import { HABIT, StrictModule, strictModuleSkip } from "../../tests/_support/strict_module.ts";
import { expect, type FuzzTarget, same } from "./target.ts";

/** Keys as bytes, PEM and JSON, and certificates, damaged: refused as what they are, or read twice to the same. */
export async function keys(): Promise<
  FuzzTarget<{ readonly certificate: boolean; readonly value: string | Uint8Array }>
> {
  const whole = keyForms();
  const certificates = await certificateForms();
  const bytesOf = (value: string | Uint8Array) => typeof value === "string" ? new TextEncoder().encode(value) : value;
  return {
    input(random) {
      const certificate = random.next() < 0.3;
      const value = random.pick(certificate ? certificates : whole);
      const damaged = random.mutate(bytesOf(value));
      return { certificate, value: typeof value === "string" ? new TextDecoder().decode(damaged) : damaged };
    },
    tryOut({ certificate, value }) {
      try {
        same(
          "what was read, read again",
          ...[0, 1].map(() => certificate ? certificateTold(value) : keyTold(value)) as [unknown, unknown],
        );
      } catch (error) {
        expect(error);
      }
      try {
        if (typeof value === "string") TlsDatabase.fromPem(value);
      } catch (error) {
        expect(error);
      }
    },
  };
}

function keyTold(value: string | Uint8Array): unknown {
  const input = typeof value === "string" && value.startsWith("{") ? parsed(value) : value;
  const read = readKeySync(input as string, "passphrase");
  const { kind } = read.material;
  read.wipe();
  return kind;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { kty: text };
  }
}

function certificateTold(value: string | Uint8Array): unknown {
  const parts = readCertificate(value);
  const { kind } = certificateKey(parts);
  return [kind, subjectAltNames(parts.extensions), parts.notAfter.getTime()];
}

function keyForms(): (string | Uint8Array)[] {
  const pairs = [
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
    generateKeyPairSync("ed25519"),
    generateKeyPairSync("rsa", { modulusLength: 1024 }),
  ];
  const der = (key: KeyObject, type: "pkcs8" | "spki") => new Uint8Array(key.export({ format: "der", type }));
  return pairs.flatMap(({ privateKey, publicKey }) => {
    const locked = { format: "pem", type: "pkcs8", cipher: "aes-128-cbc", passphrase: "passphrase" } as const;
    return [
      der(privateKey, "pkcs8"),
      der(publicKey, "spki"),
      privateKey.export({ format: "pem", type: "pkcs8" }) as string,
      privateKey.export(locked) as string,
      JSON.stringify(privateKey.export({ format: "jwk" })),
    ];
  });
}

async function certificateForms(): Promise<(string | Uint8Array)[]> {
  await using made = await makeCertificates();
  return [made.ca.cert, made.good.cert].flatMap((pem) => {
    const { der } = readCertificate(pem);
    return [pem, der, writePem("TRUSTED CERTIFICATE", der)];
  });
}

const attributeNames =
  "class token private label application value objectId certificateType issuer serialNumber keyType id startDate endDate derive modulusBits publicExponent valueLen extractable wrapTemplate unwrapTemplate allowedMechanisms namedCurve ecParams parameterSet"
    .split(" ");

type Member = readonly [name: string, value: unknown];

/** Templates of any values: refused by name, or laid out in a size that the standard knows. */
export function templates(): FuzzTarget<readonly Member[]> {
  const value = (random: SeededRandom, depth = 0): unknown => {
    const makers: (() => unknown)[] = [
      () => random.bytes(random.integer(0, 40)),
      () => random.next() < 0.5,
      () => random.pick([0, 1, -1, 1.5, NaN, 2 ** 32, 2 ** 53, Infinity]),
      () => random.pick([0n, -1n, 2n ** 64n, 2n ** 64n - 1n]),
      () => random.fieldValue(["a", "\u00fc", "\ud800", "P-256", "ML-DSA-44"], 4),
      () => new Date(random.pick([0, NaN, 8.64e15, -1])),
      () => random.pick([null, undefined, Symbol("x"), () => 0, new Map(), [1, 2], [2 ** 40]]),
      () => depth > 2 ? {} : Object.fromEntries(members(random, depth + 1)),
    ];
    return random.pick(makers)();
  };
  const members = (random: SeededRandom, depth = 0): Member[] =>
    Array.from({ length: random.integer(0, 6) }, () => {
      const name = random.next() < 0.8
        ? random.pick(attributeNames)
        : random.pick(["0", "258", "-1", "4294967296", "x", "__proto__"]);
      return [name, value(random, depth)] as const;
    });
  return {
    input: (random) => members(random),
    tryOut(given) {
      try {
        for (const { type } of compileTemplate(Object.fromEntries(given) as TemplateInput)) {
          if (!Number.isSafeInteger(type) || type < 0) throw new Error(`type ${type} was laid out`);
        }
      } catch (error) {
        expect(error);
      }
    },
  };
}

/** What a module is told to do wrong. */
interface Orders {
  readonly failures: readonly (readonly [fn: FunctionName, rv: number, times: number])[];
  readonly knobs:
    readonly (readonly ["lie" | "uneven" | "output" | "announce" | "sticky" | "objects" | "habits", number])[];
  readonly calls: readonly number[];
}

const results = [
  1,
  2,
  5,
  6,
  7,
  0x11,
  0x12,
  0x30,
  0x50,
  0x54,
  0x82,
  0x91,
  0xb3,
  0x101,
  0x150,
  0x190,
  0x80000000,
  0xffffffff,
];
const read: readonly AttributeName[] = [
  "label",
  "class",
  "id",
  "value",
  "modulus",
  "startDate",
  "allowedMechanisms",
  "wrapTemplate",
];
for (const name of read) if (attributeByName(name) === undefined) throw new Error(`there is no attribute ${name}`);

const calls: readonly ((session: Session) => unknown)[] = [
  (session) => session.findObjects({}, { read }),
  (session) => session.findObjectsSync({}, { read }),
  async (session) => (await session.findObjects())[0]?.getAttributes(read),
  (session) => session.digest(CKM.SHA256, new Uint8Array(100)),
  (session) => session.digestSync(CKM.SHA256, new Uint8Array(100)),
  (session) => session.generateRandom(20),
  (session) => session.getInfo(),
  (session) => session.slot.tokenInfo(),
  (session) => session.slot.mechanisms(),
  async (session) => {
    const [key] = await session.findObjects();
    return key && session.sign(key, CKM.SHA256_HMAC, new Uint8Array(100));
  },
  async (session) => {
    const [key] = await session.findObjects();
    return key && session.encrypt(key, CKM.AES_ECB, new Uint8Array(64));
  },
];

/** A module that fails, lies about lengths and counts, and answers what nobody asked: the library's own errors, and no more. */
export async function module(): Promise<FuzzTarget<Orders> | null> {
  if (strictModuleSkip) return null;
  const strict = new StrictModule();
  const loaded = await Module.load(strict.path, { managed: false });
  const documented = [
    "Pkcs11Error",
    "SessionBusyError",
    "SessionClosedError",
    "ObjectNotFoundError",
    "SlotNotFoundError",
  ];
  return {
    input: (random) => ({
      failures: Array.from(
        { length: random.integer(0, 4) },
        () => [random.pick(FUNCTION_NAMES), random.pick(results), random.integer(1, 5)] as const,
      ),
      knobs: Array.from({ length: random.integer(0, 4) }, () => {
        const knob = random.pick(["lie", "uneven", "output", "announce", "sticky", "objects", "habits"] as const);
        return [knob, knobValue(random, knob)] as const;
      }),
      calls: Array.from({ length: random.integer(1, 5) }, () => random.integer(0, calls.length)),
    }),
    async tryOut(orders) {
      strict.reset();
      try {
        const [slot] = await loaded.slots();
        const session = await slot!.openSession();
        for (const [knob, value] of orders.knobs) strict.set(knob, value);
        for (const [fn, rv, times] of orders.failures) strict.fail(fn, rv, { times });
        for (const at of orders.calls) {
          try {
            await calls[at]!(session);
          } catch (error) {
            expect(error, ...documented);
          }
        }
        strict.reset();
        await session.close();
      } catch (error) {
        strict.reset();
        expect(error, ...documented);
      }
      same("calls that met another one", strict.overlaps, 0);
    },
    close: () => loaded.close(),
  };
}

function knobValue(random: SeededRandom, knob: Orders["knobs"][number][0]): number {
  if (knob === "lie") return random.pick([0, 1, 100, 2 ** 31, 2 ** 32, 2 ** 52]);
  if (knob === "output") return random.pick([0, 1, 1000, 100_000]);
  if (knob === "objects") return random.pick([0, 1, 100]);
  return knob === "habits" ? random.integer(0, 512) & ~HABIT.findsForEver : random.integer(0, 6);
}
