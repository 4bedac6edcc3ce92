/** Texts from outside: URIs, configuration files, header fields, challenges, cookies, signed texts. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { generateKeyPairSync } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseCookieLine } from "../../http/features/cookies/cookie_stores.ts";
import {
  CookieJar,
  formatHttpDate,
  formatMediaType,
  parseAcceptSignature,
  parseContentDisposition,
  parseHttpDate,
  parseLink,
  parseMediaType,
  parseQualityList,
  parseRateLimit,
  parseRetryAfter,
  parseStructuredDictionary,
  parseStructuredItem,
  parseStructuredList,
  verifyJwt,
  verifyMessage,
} from "../../http/mod.ts";
import { parseAuthenticationInfo, parseChallenges, quoteString } from "../../http/protocol/challenges.ts";
import { loadConfiguration, registeredModules } from "../../session/config/mod.ts";
import { Pkcs11Uri } from "../../session/uri/mod.ts";
import { challengePieces, fieldPieces, uriPieces } from "../../tests/_support/fuzz_inputs.ts";
import { expect, type FuzzTarget, same } from "./target.ts";

/** `pkcs11:` URIs: refused by a UriError, or written in a form that means the same and stays as it is. */
export function uris(): FuzzTarget<string> {
  const info = { label: "a", manufacturerId: "ACME", model: "v2", serialNumber: "01" };
  return {
    input: (random) => (random.next() < 0.1 ? "" : "pkcs11:") + random.fieldValue(uriPieces, 16),
    tryOut(text) {
      let uri: Pkcs11Uri;
      try {
        uri = Pkcs11Uri.parse(text);
      } catch (error) {
        return expect(error, "UriError");
      }
      const written = uri.format();
      const again = Pkcs11Uri.parse(written);
      same("the URI as it is written, read again", written, again.format());
      if (!uri.unrecognized) same("what it matches", uri.matchToken(info), again.matchToken(info));
      if (uri.unrecognized && uri.matchToken(info)) throw new Error("what is not understood matches a token");
    },
  };
}

const settings = [
  "module",
  "remote",
  "priority",
  "critical",
  "managed",
  "trust-policy",
  "log-calls",
  "enable-in",
  "disable-in",
  "x-a",
];
const configurationPieces = [
  ...settings.map((name) => `${name}: `),
  ..."yes no 1 -2 prog , : # [ ] -----BEGIN -----END \\ \" ' ~ ~/ /lib/a.so |command a=b user-config:".split(" "),
  "\n",
  "\n",
  "\n",
  "\r\n",
  "\t",
  " ",
  "\0",
  "\u00fc",
  "module: /lib/a.so\n",
];

/** Files of p11-kit's configuration: refused by a ConfigurationError that names the file, or read twice to the same. */
export function configuration(): FuzzTarget<readonly [string, string]> {
  const folder = mkdtempSync(join(tmpdir(), "gp11-fuzz-"));
  const paths = { systemConf: join(folder, "system.conf"), systemModules: folder };
  const read = (): unknown => {
    const { modules, messages } = registeredModules(loadConfiguration(paths, { user: false }), { progname: "prog" });
    return modules.map(({ name, options }) => [name, [...options], messages]);
  };
  return {
    input: (random) => [random.fieldValue(configurationPieces, 8), random.fieldValue(configurationPieces, 20)],
    tryOut([global, module]) {
      writeFileSync(paths.systemConf, global);
      writeFileSync(join(folder, "one.module"), module);
      try {
        same("the configuration, read again", read(), read());
      } catch (error) {
        expect(error, "ConfigurationError");
        if (!(error as Error).message.includes(folder)) {
          throw new Error("the error does not name the file", { cause: error });
        }
      }
    },
    close: () => rmSync(folder, { recursive: true }),
  };
}

/** Header fields: answered whatever they hold, and what is written of them is read as the same. */
export function fields(): FuzzTarget<string> {
  return {
    input: (random) => random.fieldValue(fieldPieces, 30),
    tryOut(text) {
      const headers = new Headers({ ratelimit: text, "x-ratelimit-reset": text, "retry-after": text });
      const results = (): unknown[] => [
        parseRetryAfter(text, { now: 0 }),
        parseQualityList(text),
        parseLink(text, "http://h.example/"),
        parseContentDisposition(text),
        parseRateLimit(headers),
        parseAcceptSignature(text),
        [parseStructuredItem(text), parseStructuredList(text), parseStructuredDictionary(text)].map(String),
      ];
      same("the field, read again", results(), results());
      const [type, date] = [parseMediaType(text), parseHttpDate(text)];
      if (type !== undefined) same("the media type", type, parseMediaType(formatMediaType(type)));
      if (date !== undefined) same("the date", date, parseHttpDate(formatHttpDate(date)));
    },
  };
}

/** Challenges: read whatever they hold; what is quoted is read as it was. */
export function challenges(): FuzzTarget<string> {
  return {
    input: (random) => random.fieldValue(challengePieces, 24),
    tryOut(text) {
      const read = parseChallenges(text);
      same(
        "the challenges, read again",
        read.map(({ parameters }) => [...parameters]),
        parseChallenges(text).map(({ parameters }) => [...parameters]),
      );
      for (const { parameters } of read) {
        const written = [...parameters].map(([name, value]) => `${name}=${quoteString(value)}`).join(", ");
        same("the parameters as they are written", [...parameters], [...parseAuthenticationInfo(written)]);
      }
      parseAuthenticationInfo(text);
    },
  };
}

const cookiePieces = [
  ...fieldPieces,
  ..."a= b=c ; ; Domain=example.com Domain=.a.example.com Path=/ Path=/x Secure HttpOnly SameSite=None SameSite=Strict"
    .split(" "),
  ..."Max-Age=1 Max-Age=-1 Expires=Sun,_06_Nov_2094_08:49:37_GMT __Host-a= __Secure-a= # TRUE FALSE 2147483647".split(
    " ",
  ),
  "\t",
];

/** Cookies: kept or not; what is sent of them breaks no header, and goes to no other site. */
export function cookies(): FuzzTarget<readonly [string, string]> {
  return {
    input: (random) => [random.fieldValue(cookiePieces, 20), random.fieldValue(cookiePieces, 12)],
    tryOut([field, line]) {
      const jar = new CookieJar();
      for (const each of [field, line]) jar.setCookie(each.replace(/[\r\n\0]/g, ""), "https://www.example.com/x/y");
      for (const address of ["https://www.example.com/x/y", "https://a.example.com/", "http://www.example.com/x/y"]) {
        new Headers({ cookie: jar.getCookieHeader(address) });
      }
      same("what goes to another site", jar.getCookieHeader("https://example.org/x/y"), "");
      const plain = jar.getCookies("http://www.example.com/x/y").filter(({ secure }) => secure);
      same("what goes in clear though it is secure", plain, []);
      const read = parseCookieLine(line);
      if (read !== null) jar.addCookie(read);
    },
  };
}

const signaturePieces = [
  ...fieldPieces,
  ...'sig1= ("@method" "@authority") "@query-param";name="a" ;created=1 ;expires=2 ;keyid="k" ;alg="ed25519" ;nonce="n" ;tag="t"'
    .split(" "),
  ...'sha-256= :AAAA: ;sf ;bs ;key="a" ;req ;tr'.split(" "),
];

/** Signature fields and JSON Web Tokens of strangers: refused by name, and never right. */
export function signatures(): FuzzTarget<readonly [string, string, string]> {
  const { publicKey } = generateKeyPairSync("ed25519");
  const jwk = publicKey.export({ format: "jwk" }) as { kty: "OKP"; crv: string; x: string };
  const part = (text: string) => new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
  return {
    input: (random) => {
      const head = {
        alg: random.pick(["EdDSA", "none", "HS256", "Ed25519"]),
        typ: random.fieldValue(["JWT", "at+jwt"], 2),
      };
      const claims = {
        exp: random.pick([1, 1e12, "x", null]),
        aud: random.pick(["a", ["a"], 1]),
        x: random.fieldValue(fieldPieces),
      };
      const parts = [JSON.stringify(head), JSON.stringify(claims)].map((text) =>
        part(text.slice(0, random.integer(1, 200)))
      );
      const token = [...parts, part(random.fieldValue(fieldPieces))].join(random.pick([".", ".", ".", ".."]));
      return [random.fieldValue(signaturePieces, 16), random.fieldValue(signaturePieces, 8), token];
    },
    async tryOut([signatureInput, signature, token]) {
      const headers = { "signature-input": signatureInput, signature, "content-digest": signature };
      for (
        const verify of [
          () => verifyMessage(new Request("https://example.com/a?a=b", { headers }), { key: () => jwk }),
          () => verifyJwt(token, jwk),
        ]
      ) {
        try {
          await verify();
        } catch (error) {
          expect(error, "MessageSignatureError", "JwsError");
          continue;
        }
        throw new Error("it was found right");
      }
    },
  };
}
