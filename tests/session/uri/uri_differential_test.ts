import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { Pkcs11Uri, UriError } from "../../../session/uri/mod.ts";
import type { UriScope } from "../../../session/uri/mod.ts";
import { compileP11KitProgram, p11KitOracleSkip, runLines } from "../../_support/c_program.ts";
import { uriPieces } from "../../_support/fuzz_inputs.ts";
import { pseudoRandom } from "../../_support/pseudo_random.ts";

const scopeBits: Record<UriScope, number> = { any: 0xffff, object: 2, token: 4, module: 8, slot: 32 };
const scopes = Object.keys(scopeBits) as UriScope[];
const reasons: Record<string, string> = {
  "-1": "syntax",
  "-2": "scheme",
  "-3": "encoding",
  "-4": "syntax",
  "-5": "version",
};

const token = { label: "My token", manufacturerId: "ACME", model: "v2", serialNumber: "01" };
const slot = { slotDescription: "A slot", manufacturerId: "ACME" };
const module = { libraryDescription: "A library", manufacturerId: "ACME", libraryVersion: { major: 2, minor: 5 } };
const attributes = { class: 3, label: "key", id: new Uint8Array([0x01, 0xff]) };

function describeOurs(text: string, scope: UriScope): string {
  try {
    const uri = Pkcs11Uri.parse(text, scope);
    const matches = Number(uri.matchToken(token)) | Number(uri.matchSlot(slot)) << 1 |
      Number(uri.matchModule(module)) << 2 | Number(uri.matchAttributes(attributes)) << 3;
    return `ok ${Number(uri.unrecognized)} ${matches} ${uri.format()}`;
  } catch (error) {
    if (error instanceof UriError) return error.reason;
    throw error;
  }
}

function describeTheirs(line: string): string {
  const [code, unrecognized, matches, formatted] = line.split(" ");
  if (code !== "0") return reasons[code!] ?? `code ${code}`;
  return `ok ${unrecognized} ${matches} ${Buffer.from(formatted ?? "", "hex").toString("latin1")}`;
}

let oracle: string | undefined;

/** Parses every text in both, and compares what came of it. */
function compare(cases: readonly (readonly [string, UriScope])[]): void {
  oracle ??= compileP11KitProgram("uri_oracle");
  const lines = cases.map(([text, scope]) => `${scopeBits[scope]} ${Buffer.from(text, "utf8").toString("hex")}`);
  const answers = runLines(oracle, lines);
  assertEquals(answers.length, cases.length);
  for (const [at, [text, scope]] of cases.entries()) {
    const where = `${JSON.stringify(text)} as ${scope}: `;
    assertEquals(where + describeOurs(text, scope), where + describeTheirs(answers[at]!));
  }
}

const written = [
  "pkcs11:",
  "pkcs11",
  "PKCS11:",
  "pKcS11:token=a",
  "pkcs12:",
  "",
  ":",
  "pkcs11:?",
  "pkcs11:;",
  "pkcs11:=",
  "pkcs11:token",
  "pkcs11:token=",
  "pkcs11:=a",
  "pkcs11:token=My%20token",
  "pkcs11:token=My token",
  "pkcs11:token=My\ttoken",
  "pkcs11:token=My%20token%20%20;manufacturer=ACME;model=v2;serial=01",
  "pkcs11:token=a;token=b",
  "pkcs11:token=a=b",
  "pkcs11:token=%00abc",
  "pkcs11:token=a%00",
  "pkcs11:token=ab%0",
  "pkcs11:token=%zz",
  "pkcs11:token=%4",
  "pkcs11:token=%",
  "pkcs11:token=012345678901234567890123456789012",
  "pkcs11:token=%30123456789012345678901234567890%31",
  "pkcs11:token=ü",
  "pkcs11:token=ünïcode%c3%bc",
  "pkcs11:token=%FF%fe",
  "pkcs11:model=0123456789abcdef0",
  "pkcs11:unknown=a",
  "pkcs11:unknown=%zz",
  "pkcs11:object=key;id=%01%ff;type=private",
  "pkcs11:object=;id=",
  "pkcs11:object=%00a;id=%00",
  "pkcs11:type=cert",
  "pkcs11:type=public",
  "pkcs11:type=secret-key",
  "pkcs11:object-type=secretkey",
  "pkcs11:objecttype=data",
  "pkcs11:type=Cert",
  "pkcs11:type=%63ert",
  "pkcs11:type=",
  "pkcs11:Type=cert",
  "pkcs11:library-version=2.5",
  "pkcs11:library-version=2",
  "pkcs11:library-version=",
  "pkcs11:library-version=.5",
  "pkcs11:library-version=2.",
  "pkcs11:library-version=2.5.1",
  "pkcs11:library-version=255",
  "pkcs11:library-version=254.254",
  "pkcs11:library-version=1.255",
  "pkcs11:library-version=-1",
  "pkcs11:library-version=%32",
  "pkcs11:library-version=002.5",
  "pkcs11:library-description=A%20library;library-manufacturer=ACME",
  "pkcs11:slot-description=A%20slot;slot-manufacturer=ACME",
  "pkcs11:slot-id=",
  "pkcs11:slot-id=0",
  "pkcs11:slot-id=12",
  "pkcs11:slot-id=012",
  "pkcs11:slot-id=x",
  "pkcs11:slot-id=-1",
  "pkcs11:slot-id=9223372036854775807",
  "pkcs11:slot-id=%31",
  "pkcs11:;token=a",
  "pkcs11:token=a;;object=b",
  "pkcs11:token=a;",
  "pkcs11:token=a;?pin-source=b",
  "pkcs11:?pin-source=file:/etc/pin",
  "pkcs11:pin-source=a;pinfile=b;pin-value=c",
  "pkcs11:?pinfile=b&pin-value=c",
  "pkcs11:?pin-value=a%00b",
  "pkcs11:?pin-value=%",
  "pkcs11:?module-name=a&module-path=/b",
  "pkcs11:module-path=/b",
  "pkcs11:module-name=a",
  "pkcs11:?a=1&",
  "pkcs11:?a=1&&b",
  "pkcs11:?&a",
  "pkcs11:?&",
  "pkcs11:?a",
  "pkcs11:?a=",
  "pkcs11:?=a",
  "pkcs11:?b=1&a=2&b=0&a=1",
  "pkcs11:?A=1",
  "pkcs11:?a.b=1",
  "pkcs11:?x-y_z9=1",
  "pkcs11:?a=b?c=d",
  "pkcs11:?a=b;c=d",
  "pkcs11:token=a?token=b",
  "pkcs11:token=~:[]@!$'()*,=&+/",
  "pkcs11:token=a#b",
  "pkcs11:\ntoken=\r\na\v",
  " pkcs11 : token = a ",
  "pkcs11:\u212Aey=1",
  "p\u212Acs11:",
  "pkcs11:token=\ud800",
]; // deno-fmt-ignore

describe("Pkcs11Uri against libp11-kit", { skip: p11KitOracleSkip }, () => {
  it("agrees on every written case in every scope", () => {
    compare(written.flatMap((text) => scopes.map((scope) => [text, scope] as const)));
  });

  it("agrees on 10000 texts made of random pieces", () => {
    const random = pseudoRandom(7512);
    const cases = Array.from({ length: 10_000 }, () => {
      const count = random(14);
      let text = random(20) === 0 ? "" : "pkcs11:";
      for (let n = 0; n < count; n++) text += uriPieces[random(uriPieces.length)];
      return [text, scopes[random(scopes.length)]!] as const;
    });
    compare(cases);
  });

  it("agrees on 5000 texts of random characters", () => {
    const random = pseudoRandom(11);
    const cases = Array.from({ length: 5_000 }, () => {
      let text = random(4) === 0 ? "" : "pkcs11:";
      for (let n = random(30); n > 0; n--) text += String.fromCharCode(1 + random(random(4) === 0 ? 0x2ff : 0x7e));
      return [text, "any"] as const;
    });
    compare(cases);
  });

  it("agrees on 5000 damaged copies of a full URI", () => {
    const random = pseudoRandom(42);
    const whole = "pkcs11:library-description=A%20library;library-version=2.5;slot-id=3;model=v2;manufacturer=ACME;serial=01;" +
      "token=My%20token;id=%01%FF;object=key;type=private?pin-source=file%3A%2Fa&pin-value=1&module-name=m&x-a=1&x-a=2";
    const cases = Array.from({ length: 5_000 }, () => {
      let text = whole;
      for (let n = 1 + random(4); n > 0; n--) {
        const at = random(text.length);
        const piece = uriPieces[random(uriPieces.length)]!;
        text = text.slice(0, at) + (random(2) ? piece : "") + text.slice(at + random(8));
      }
      return [text, "any"] as const;
    });
    compare(cases);
  });
});
