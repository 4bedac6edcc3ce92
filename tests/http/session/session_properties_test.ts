// The 20 properties: defaults, checks, names, notifications and what they put on the wire.
import { after, before, describe, it } from "node:test";
import { rootCertificates } from "node:tls";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  AuthManager,
  ContentDecoder,
  HttpMessage,
  HttpSession,
  type HttpSessionOptions,
  type NotifyEvent,
  sessionProperties,
  SessionProperty,
  TlsDatabase,
} from "../../../http/mod.ts";
import { acceptLanguageOf, languageNames } from "../../../http/queue/language.ts";
import { routeServer } from "../../_support/http_server.ts";
import { wait } from "../../_support/http_sessions.ts";
import { ScriptedTime } from "../../_support/scripted_time.ts";
import { readText } from "../../_support/source_text.ts";
import type { SocketServer } from "../../_support/socket_server.ts";

/** Properties that were notified while `change` ran. */
function notified(session: HttpSession, change: () => void): string[] {
  const names: string[] = [];
  const note = (event: NotifyEvent): void => {
    names.push(event.property);
  };
  session.addEventListener("notify", note);
  change();
  session.removeEventListener("notify", note);
  return names;
}

describe("session properties", () => {
  let server: SocketServer;
  /** Sends more of the last response of /in-steps. */
  let goOn = (): void => {};
  before(async () => {
    server = await routeServer({
      "/in-steps": (_request, socket) => {
        goOn = () => void socket.write("0123456789");
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n0123456789");
      },
    });
  });
  after(() => server.close());

  const sent = async (options: HttpSessionOptions, headers: Record<string, string> = {}) => {
    await using session = new HttpSession({ transport: "node", ...options });
    await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`, { headers }));
    return server.requests.at(-1)!.headers;
  };

  it("has the manual's 17 names and 20 properties", () => {
    assertEquals(Object.keys(SessionProperty).length, 17);
    assertEquals(sessionProperties.length, 20);
    for (const name of Object.values(SessionProperty)) assert(sessionProperties.includes(name), name);
  });

  it("are listed with their class, as the reference leaves out what can be set", () => {
    for (const [file, type] of [["session/session", HttpSession], ["message/message", HttpMessage]] as const) {
      const text = readText(`http/${file}.ts`);
      const page = text.slice(0, text.indexOf(`export class ${type.name} `)).split("/**").pop()!;
      const members = Object.entries(Object.getOwnPropertyDescriptors(type.prototype));
      const settable = members.filter(([, { set }]) => set !== undefined).map(([name]) => name);
      assert(settable.length > 7);
      assertEquals(settable.filter((name) => !page.includes(`\`${name}\``)), []);
    }
  });

  it("has the manual's defaults", async () => {
    await using session = new HttpSession();
    const values = Object.fromEntries(sessionProperties.map((name) => [name, session.get(name)]));
    assertEquals(values, {
      "accept-language": null,
      "accept-language-auto": false,
      "add-feature": null,
      "add-feature-by-type": null,
      "async-context": null,
      "http-aliases": ["*"],
      "https-aliases": null,
      "idle-timeout": 0,
      "max-conns": 10,
      "max-conns-per-host": 2,
      "proxy-uri": null,
      "remove-feature-by-type": null,
      "ssl-ca-file": null,
      "ssl-strict": true,
      "ssl-use-system-ca-file": true,
      "timeout": 0,
      "tls-database": TlsDatabase.system,
      "use-ntlm": false,
      "use-thread-context": false,
      "user-agent": null,
    });
  });

  it("sets by name and by accessor and tells by name", async () => {
    await using session = new HttpSession();
    assertEquals(notified(session, () => session.set("max-conns", 5)), ["max-conns"]);
    assertEquals(session.maxConns, 5);
    assertEquals(notified(session, () => session.maxConnsPerHost = 3), ["max-conns-per-host"]);
    assertEquals(session.get("max-conns-per-host"), 3);
    assertEquals(notified(session, () => session.timeout = 1.5), ["timeout"]);
    assertEquals(notified(session, () => session.userAgent = "x"), ["user-agent"]);
    assertEquals(notified(session, () => session.set("use-thread-context", true)), ["use-thread-context"]);
  });

  it("throws on unknown names and on values out of range, and keeps the old value", async () => {
    await using session = new HttpSession();
    assertThrows(() => session.get("no-such" as SessionProperty), TypeError);
    assertThrows(() => session.set("no-such" as SessionProperty, 1), TypeError);
    assertThrows(() => session.set("async-context", { run: queueMicrotask } as never), TypeError);
    for (const bad of [0, -1, 1.5, NaN, Infinity]) {
      assertThrows(() => session.set("max-conns", bad), RangeError);
      assertThrows(() => session.set("max-conns-per-host", bad), RangeError);
    }
    for (const [bad, kind] of [[-1, RangeError], [NaN, RangeError], ["3", TypeError]] as const) {
      assertThrows(() => session.set("timeout", bad as number), kind);
      assertThrows(() => session.set("idle-timeout", bad as number), kind);
    }
    assertThrows(() => session.userAgent = "a\r\nb: c", TypeError);
    assertThrows(() => session.set("ssl-strict", "no" as never), TypeError);
    assertThrows(() => new HttpSession({ maxConns: 0 }), RangeError);
    assertEquals([session.maxConns, session.timeout, session.userAgent], [10, 0, null]);
  });

  it("user-agent: empty is the own token, trailing space appends it, anything else stands alone", async () => {
    await using session = new HttpSession();
    session.userAgent = "";
    const own = session.userAgent;
    assert(/^gp11\/\d+\.\d+\.\d+$/.test(own), own);
    session.userAgent = "X ";
    assertEquals(session.userAgent, `X ${own}`);
    session.userAgent = "X";
    assertEquals(session.userAgent, "X");
  });

  it("user-agent replaces the message's own; null leaves it", async () => {
    assertEquals((await sent({ userAgent: "s/1" }, { "user-agent": "m/1" })).get("user-agent"), "s/1");
    assertEquals((await sent({}, { "user-agent": "m/1" })).get("user-agent"), "m/1");
    assertEquals((await sent({})).has("user-agent"), false);
  });

  it("accept-language is added where a message has none", async () => {
    assertEquals((await sent({ acceptLanguage: "de" })).get("accept-language"), "de");
    assertEquals((await sent({ acceptLanguage: "de" }, { "accept-language": "fr" })).get("accept-language"), "fr");
    assertEquals((await sent({})).has("accept-language"), false);
  });

  it("accept-language and its automatic list turn each other off", async () => {
    await using session = new HttpSession({ acceptLanguage: "de" });
    assertEquals(notified(session, () => session.acceptLanguageAuto = true).sort(), [
      "accept-language",
      "accept-language-auto",
    ]);
    assert(session.acceptLanguage !== null && session.acceptLanguage !== "de");
    session.acceptLanguage = "fr";
    assertEquals([session.acceptLanguageAuto, session.acceptLanguage], [false, "fr"]);
    session.acceptLanguageAuto = true;
    session.acceptLanguageAuto = false;
    assertEquals(session.acceptLanguage, null);
  });

  it("the automatic list follows g_get_language_names", () => {
    const list = (variables: Record<string, string>) => acceptLanguageOf(languageNames((name) => variables[name]));
    assertEquals(list({}), "en");
    assertEquals(list({ LANG: "C" }), "en");
    assertEquals(list({ LANG: "fr_FR" }), "fr-fr, fr;q=0.9");
    assertEquals(list({ LANG: "de_DE.UTF-8@euro" }), "de-de, de;q=0.9");
    assertEquals(
      list({ LANGUAGE: "fr_FR:de:en_US", LANG: "it" }),
      "fr-fr, fr;q=0.9, de;q=0.8, en-us;q=0.7, en;q=0.6",
    );
    const twelve = Array.from({ length: 12 }, (_, index) => `l${index}`).join(":");
    assert(list({ LANGUAGE: twelve }).startsWith("l0, l1;q=0.95, l2;q=0.9, l3;q=0.85"), list({ LANGUAGE: twelve }));
  });

  it("certificates in place of a database are refused with the way to make one of them", () => {
    const tlsDatabase = rootCertificates[0] as unknown as TlsDatabase;
    assertThrows(() => new HttpSession({ tlsDatabase }), TypeError, "TlsDatabase.fromPem");
  });

  it("the TLS properties share one slot and tell what changed", async () => {
    await using session = new HttpSession({ tlsDatabase: null });
    assertEquals([session.sslUseSystemCaFile, session.sslCaFile], [false, null]);
    assertEquals(notified(session, () => session.sslUseSystemCaFile = true).sort(), [
      "ssl-use-system-ca-file",
      "tls-database",
    ]);
    assertStrictEquals(session.tlsDatabase, TlsDatabase.system);
    const { mkdtemp, rm, writeFile } = await import("node:fs/promises");
    const { tmpdir } = await import("node:os");
    const folder = await mkdtemp(`${tmpdir()}/gp11-ca-`);
    await writeFile(`${folder}/ca.pem`, rootCertificates[0]!);
    assertEquals(notified(session, () => session.sslCaFile = `${folder}/ca.pem`).sort(), [
      "ssl-ca-file",
      "ssl-use-system-ca-file",
      "tls-database",
    ]);
    assertEquals(session.tlsDatabase?.pem().length, 1);
    assertEquals(notified(session, () => session.tlsDatabase = null).sort(), ["ssl-ca-file", "tls-database"]);
    assertEquals(session.sslCaFile, null);
    await rm(folder, { recursive: true });
  });

  it("a CA file that cannot be loaded trusts nobody", async () => {
    await using session = new HttpSession();
    session.sslCaFile = "/no/such/file.pem";
    assertEquals([session.sslCaFile, session.tlsDatabase?.pem().length], ["/no/such/file.pem", 0]);
    assertEquals(session.sslUseSystemCaFile, false);
  });

  it("a pkcs11: URI as PEM key is refused with the name of what can use it", () => {
    const clientCertificate = { cert: rootCertificates[0]!, key: "pkcs11:object=key" };
    const error = assertThrows(() => new HttpSession({ clientCertificate }), TypeError);
    assert(error.message.includes("tokenCertificate"), error.message);
  });

  it("aliases decide what is http and https", async () => {
    await using session = new HttpSession();
    const scheme = (uri: string) => session.schemeOf(new URL(uri));
    assertEquals([scheme("http://h/"), scheme("https://h/"), scheme("dav://h/")], ["http", "https", "http"]);
    session.httpsAliases = "foo, Bar";
    assertEquals(session.httpsAliases, ["foo", "bar"]);
    assertEquals([scheme("foo://h/"), scheme("dav://h/")], ["https", "http"]);
    session.httpAliases = ["dav"];
    assertEquals([scheme("dav://h/"), scheme("x://h/")], ["http", null]);
    session.httpAliases = null;
    assertEquals([scheme("dav://h/"), scheme("http://h/")], [null, "http"]);
    assertThrows(() => session.httpAliases = ["no scheme"], TypeError);
  });

  it("an alias is sent as its class and stays in the message's URI", async () => {
    await using session = new HttpSession();
    const msg = new HttpMessage("GET", `foo://127.0.0.1:${server.port}/302`);
    assertEquals(await session.sendMessage(msg), 200);
    assertEquals(msg.uri.href, `foo://127.0.0.1:${server.port}/ok`);
  });

  it("proxy-uri adds a resolver, reads back and aborts what is going on", async () => {
    await using session = new HttpSession();
    const pending = session.sendMessage(new HttpMessage("GET", `${server.origin}/never`));
    await wait(5);
    assertEquals(notified(session, () => session.proxyUri = "http://127.0.0.1:9999"), ["proxy-uri"]);
    assertEquals(await pending, 1);
    assertEquals(session.proxyUri?.href, "http://127.0.0.1:9999/");
    for (const host of ["127.0.0.1", "localhost", "user:pw@proxy.example"]) {
      session.proxyUri = `${host}:3128`;
      const msg = new HttpMessage("GET", "http://a.example/", { proxy: `${host}:3128` });
      assertEquals([session.proxyUri?.href, msg.proxy?.href], Array(2).fill(`http://${host}:3128/`));
    }
    const count = session.getFeatures().length;
    session.set("proxy-uri", null);
    assertEquals([session.proxyUri, session.getFeatures().length], [null, count - 1]);
  });

  it("use-ntlm adds and removes the sub-feature of the AuthManager", async () => {
    await using session = new HttpSession({ useNtlm: true });
    assertEquals(session.useNtlm, true);
    session.useNtlm = false;
    assertEquals(session.useNtlm, false);
    session.removeFeatureByType(AuthManager);
    assertThrows(() => session.useNtlm = true, TypeError);
  });

  it("async-context and use-thread-context: the context given runs the work", async () => {
    const ran: number[] = [];
    const context = {
      run(fn: () => void): void {
        ran.push(1);
        setTimeout(fn, 0);
      },
    };
    await using session = new HttpSession({ asyncContext: context });
    assertStrictEquals(session.getAsyncContext(), context);
    assertStrictEquals(session.get("async-context"), context);
    assertEquals(await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`)), 200);
    assertEquals(ran.length, 1);
    await using plain = new HttpSession();
    assertEquals(plain.getAsyncContext(), null);
  });

  it("add-feature, add-feature-by-type and remove-feature-by-type act when set", async () => {
    await using session = new HttpSession({ removeFeatureByType: ContentDecoder });
    assertEquals(session.getFeature(ContentDecoder), null);
    session.set("add-feature-by-type", ContentDecoder);
    assert(session.getFeature(ContentDecoder) instanceof ContentDecoder);
    session.set("remove-feature-by-type", ContentDecoder);
    assertEquals(session.getFeature(ContentDecoder), null);
    const feature = { requestDefaults: [] };
    assertEquals(notified(session, () => session.set("add-feature", feature)), ["add-feature"]);
    assertStrictEquals(session.getFeatures()[0], feature);
  });

  it("timeout is time without progress, not time in all", async () => {
    for (const transport of ["fetch", "node"] as const) {
      await using session = new HttpSession({ transport, timeout: 0.1 });
      const start = performance.now();
      const msg = new HttpMessage("GET", `${server.origin}/never`);
      assertEquals(await session.sendMessage(msg), 7);
      assert(performance.now() - start > 90);
      assertEquals((msg.error as Error).name, "TimeoutError");
      // Each pause is shorter than the timeout, all of them are longer.
      using time = new ScriptedTime();
      await using patient = new HttpSession({ transport, timeout: 100 });
      const slow = new HttpMessage("GET", `${server.origin}/in-steps`);
      slow.addEventListener("got-chunk", () =>
        void setTimeout(() => {
          time.pass(60_000);
          goOn();
        }));
      assertEquals([await patient.sendMessage(slow), slow.responseBody.byteLength], [200, 30]);
    }
  });

  it("sends Connection: Keep-Alive unless the message says otherwise", async () => {
    assertEquals((await sent({})).get("connection")?.toLowerCase(), "keep-alive");
    assertEquals((await sent({}, { connection: "close" })).get("connection"), "close");
  });
});
