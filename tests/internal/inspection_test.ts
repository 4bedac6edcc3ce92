import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { inspect } from "node:util";
import { CKA, CKM, CKO, CKR, CKU } from "../../ffi/constants/mod.ts";
import * as ffi from "../../ffi/mod.ts";
import * as http from "../../http/mod.ts";
import { CookieJar, HttpError, HttpMessage, HttpSession, MockTransport } from "../../http/mod.ts";
import * as pkcs11js from "../../pkcs11js/mod.ts";
import * as session from "../../session/mod.ts";
import { aesCbc, Pkcs11Error, Pkcs11Uri } from "../../session/mod.ts";
import * as webcrypto from "../../webcrypto/mod.ts";
import { softhsmSkip } from "../_support/softhsm.ts";
import { TokenSession } from "../_support/token_session.ts";

const INSPECT = Symbol.for("nodejs.util.inspect.custom");
/** A base for classes of users, and errors as npm's pkcs11js has them. */
const excepted: readonly unknown[] = [http.TypedEventTarget, pkcs11js.NativeError, pkcs11js.Pkcs11Error];

function exportedClasses(): (new () => object)[] {
  const all = [ffi, session, http, webcrypto, pkcs11js].flatMap((door) => Object.values(door) as unknown[]);
  const classes = new Set(all.filter((value) => typeof value === "function" && /^class\b/.test(String(value))));
  return [...classes].filter((each) => !excepted.includes(each)) as (new () => object)[];
}

/** What the inspect functions of this runtime show, and JSON. */
function texts(value: unknown): string[] {
  const { Deno, Bun } = globalThis as unknown as Record<string, { inspect(value: unknown): string } | undefined>;
  const own = Deno ?? Bun;
  const shown = [
    inspect(value, { depth: 9, showHidden: true }),
    inspect({ in: [value] }),
    String(JSON.stringify(value)),
  ];
  return own === undefined ? shown : [...shown, own.inspect(value), own.inspect({ in: [value] })];
}

describe("Classes that are exported", () => {
  it("say how they are shown: in session/inspection.ts, http/inspection.ts or their own file", () => {
    const classes = exportedClasses();
    assert(classes.length > 80, String(classes.length));
    const isError = ({ prototype }: { prototype: object }) => prototype instanceof Error;
    const missing = classes.filter(({ prototype }) =>
      isError({ prototype })
        ? typeof (prototype as { toJSON?: unknown }).toJSON !== "function"
        : ![INSPECT, "toJSON", Symbol.toStringTag].every((key) => Object.hasOwn(prototype, key))
    );
    assertEquals(missing.map(({ name }) => name), []);
  });

  it("can be looked at where no object of them is", () => {
    for (const { prototype } of exportedClasses()) if (!(prototype instanceof Error)) inspect(Object.create(prototype));
  });
});

describe("Errors", () => {
  it("have their message in JSON", () => {
    const error = new Pkcs11Error(CKR.PIN_INCORRECT, "C_Login");
    const json = JSON.parse(JSON.stringify(error));
    assertEquals([json.name, json.message, json.ckr, json.fn], [
      error.name,
      error.message,
      "CKR_PIN_INCORRECT",
      "C_Login",
    ]);
  });

  it("keep what others say about whole URLs to themselves", () => {
    const msg = new HttpMessage("GET", "https://user:pa55@example.org/a?token=s3cr3t");
    const cause = new TypeError("error sending request for url (https://user:pa55@example.org/a?token=s3cr3t)");
    const error = new HttpError(msg, 4, "Cannot connect", { cause, code: "ECONNREFUSED" });
    for (const text of texts(error)) {
      assert(!/pa55|s3cr3t/.test(text), text);
      assertMatch(text, /https:\/\/example\.org\/a/);
    }
    assertMatch(inspect(error), /Cannot connect[^]*inspection_test/);
    // What runtimes show of an error that nobody has caught.
    assertEquals([Object.keys(error).includes("msg"), error.msg], [false, msg]);
  });
});

describe("HTTP objects", () => {
  it("show one line, shorter in others", async () => {
    await using session = new HttpSession({ maxConns: 1 });
    session.addFeature(new MockTransport(() => new Response("hello")));
    assertEquals(inspect(session), "HttpSession { 0 connections, 0 queued }");
    const msg = new HttpMessage("GET", "https://user:pa55@example.org/a?token=1#top");
    assertEquals(inspect(msg), "HttpMessage { GET https://example.org/a }");
    const seen: string[] = [];
    msg.addEventListener("got-body", () => seen.push(inspect(msg), inspect(session)));
    let connection: unknown;
    session.addEventListener("request-started", (event) => {
      connection = event.connection;
      seen.push(inspect(event));
    });
    session.queueMessage(new HttpMessage("GET", "https://example.org/b"));
    const sent = session.sendMessage(msg);
    assertEquals(inspect(session), "HttpSession { 0 connections, 2 queued }");
    await sent;
    const started =
      /^RequestStartedEvent \{ request-started, HttpMessage \{ GET https:\/\/example\.org\/[ab], queued \}, connection \d+ \}$/;
    assertMatch(seen[0]!, started);
    const lines = seen.filter((line) => !line.startsWith("Request"));
    assertMatch(lines[0]!, /^HttpMessage \{ GET https:\/\/example\.org\/a, 200, got-body, connection \d+ \}$/);
    assertEquals(lines[1], "HttpSession { 1 connection, 0 queued }");
    assertMatch(inspect(msg), /, finished, connection \d+ \}$/);
    assertEquals(inspect([msg]).replace(/\s+/g, " "), "[ HttpMessage { GET https://example.org/a, 200 } ]");
    const json = JSON.parse(JSON.stringify(msg));
    assertEquals([json.method, json.uri, json.statusCode], ["GET", "https://example.org/a", 200]);
    assertMatch(inspect(connection), /^Connection \{ \d+, https:\/\/example\.org:443, (idle|closed), \d requests?/);
    await session.close();
    assertEquals(inspect(session), "HttpSession { closed }");
    assertEquals(Object.prototype.toString.call(session), "[object HttpSession]");
  });

  it("never show credentials, cookies, queries or bodies", async () => {
    const jar = new CookieJar();
    const objects: unknown[] = [jar];
    jar.addEventListener("changed", (event) => objects.push(event));
    const auth = new http.AuthBearer();
    const mock = new MockTransport(({ headers }) => {
      const refusal = {
        status: 401,
        headers: { "www-authenticate": 'Basic realm="r"', "set-cookie": "sid=plantedcookie" },
      };
      return headers.has("authorization") ? new Response("plantedbody") : new Response(null, refusal);
    });
    await using session = new HttpSession({
      features: [jar, mock, new http.Logger({ printer: () => {} }), new http.HarRecorder(), new http.HttpCache()],
      proxyUri: "http://proxyuser:plantedproxy@proxy.example:3128",
    });
    for (const type of ["request-queued", "request-started", "request-unqueued", "connection-created"] as const) {
      session.addEventListener(type, (event) => objects.push(event, ...session.connections));
    }
    session.addEventListener("authenticate", (event) => {
      objects.push(event);
      event.auth.authenticate("planteduser", "plantedpassword");
      objects.push(event.auth);
    });
    const headers = { "x-api-key": "plantedheader", cookie: "own=plantedowncookie" };
    const msg = new HttpMessage("POST", "https://example.org/a?key=plantedquery", { headers, body: "plantedrequest" });
    msg.addEventListener("got-chunk", (event) => objects.push(event));
    objects.push(session, msg, mock.requests, session.getFeature(http.AuthManager));
    assertEquals(await session.sendMessage(msg), 200);
    objects.push(msg.metrics, session.getFeature(http.ProxyResolver));
    auth.authenticateToken("plantedtoken");
    objects.push(auth, mock, mock.requests[0]);
    assert(objects.length > 15, String(objects.length));
    for (const text of objects.flatMap(texts)) assert(!/planted/.test(text), text);
    assertEquals(inspect(jar), "CookieJar { 1 cookie }");
  });
});

describe("PKCS#11 objects", { skip: softhsmSkip }, () => {
  let on: TokenSession;
  before(async () => {
    on = await TokenSession.open();
  });
  after(async () => {
    await on.close();
  });

  it("show one line, shorter in others", async () => {
    const { module, session, slot, token } = on;
    const label = JSON.stringify(token.label);
    const place = `token ${label}, handle ${session.handle}n`;
    assertEquals(inspect(session), `Session { ${place}, user functions, read-write }`);
    assertEquals(inspect([session]).replace(/\s+/g, " "), `[ Session { ${place} } ]`);
    const calls = [1, 2, 3].map(() => session.generateRandom(8));
    assertEquals(inspect(session), `Session { ${place}, user functions, read-write, 2 queued }`);
    await Promise.all(calls);
    assertEquals(inspect(slot), `Slot { id ${slot.id}n, token ${label} }`);
    assertMatch(inspect(module), /^Module \{ ".*", unmanaged, PKCS#11 \d\.\d+ \}$/);
    const other = await slot.openSession();
    assertMatch(inspect(other), /user functions, read-only \}$/);
    await other.close();
    assertMatch(inspect(other), /, closed \}$/);
    assertEquals(JSON.parse(JSON.stringify(session)).handle, String(session.handle));
  });

  it("show plain results by the names of their numbers, and keep the numbers", () => {
    const { session, slot, token } = on;
    const info = slot.tokenInfoSync();
    assertMatch(inspect(info), /^TokenInfo \{ label ".*flags CKF_RNG \| CKF_LOGIN_REQUIRED \|.* CKF_TOKEN_INITIALIZED/);
    assertEquals(Object.keys(info).includes("toJSON"), false);
    assertEquals({ ...info }, structuredClone(info));
    assertEquals(JSON.parse(JSON.stringify(info)).flags, info.flags);
    assertEquals(JSON.parse(JSON.stringify(info)).label, token.label);
    const state = session.getInfoSync();
    assertStringIncludes(inspect(state), "CKS_RW_USER_FUNCTIONS, flags CKF_RW_SESSION | CKF_SERIAL_SESSION");
    assertEquals(JSON.parse(JSON.stringify(state)).slotId, String(slot.id));
    assertMatch(inspect(slot.mechanismInfoSync(CKM.ECDSA)), /flags .*CKF_SIGN \| CKF_VERIFY/);
  });

  it("never show a PIN or a secret attribute", async () => {
    const { session, slot } = on;
    const pin = ["planted", "pin"].join("");
    const value = new TextEncoder().encode("plantedattribute");
    const object = { class: CKO.SECRET_KEY, keyType: 0x1f, token: false, sensitive: false, extractable: true };
    await session.createObject({ ...object, label: "planted key", encrypt: true, value });
    const [key] = await session.findObjects({ label: "planted key" }, { read: ["class", "label", "value", CKA.VALUE] });
    const uri = Pkcs11Uri.parse(`pkcs11:token=t?pin-value=${pin}&pin-source=file:plantedplace`);
    const encryptor = session.encryptorSync(key!, aesCbc({ iv: new Uint8Array(16) }));
    const objects: unknown[] = [
      ...[
        session,
        slot,
        on.module,
        key,
        key!.attributes,
        uri,
        encryptor,
        slot.sessionPool({ login: { pin } }),
      ],
      await key!.get(["value", "label"]),
      await key!.get([CKA.VALUE]),
    ];
    assertEquals(inspect(encryptor), "SyncEncryptor { CKM_AES_CBC_PAD, new }");
    encryptor.close();
    const hidden = [
      value.toHex?.() ?? "706c616e746564",
      "cGxhbnRlZGF0dHJpYnV0ZQ",
      "112, 108, 97, 110, 116",
      "plantedp",
      "planteda",
    ];
    for (const text of objects.flatMap(texts)) {
      for (const each of hidden) assert(!text.includes(each), `${each}: ${text}`);
    }
    assertEquals(JSON.parse(JSON.stringify(await key!.get(["label", "value"]))), { label: "planted key" });
    assertEquals(inspect(uri), "Pkcs11Uri { pkcs11:token=t }");
    const wrong = await session.login(CKU.USER, pin).catch((error: unknown) => error);
    for (const text of texts(wrong)) assert(!text.includes(pin), text);
  });
});
