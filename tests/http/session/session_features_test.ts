// Attaching, detaching and the rounds of hooks.
import { after, before, describe, it } from "node:test";
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { BodyStage, HttpMessage, HttpSession, type SessionFeature } from "../../../http/mod.ts";
import { capabilitiesWith } from "../../../http/transports/capabilities.ts";
import type { Transport, TransportRequest } from "../../../http/transports/transport.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transports, until, wait } from "../../_support/http_sessions.ts";
import type { SocketServer } from "../../_support/socket_server.ts";

class Noting implements SessionFeature {
  readonly log: string[];
  readonly name: string;
  constructor(name = "a", log: string[] = []) {
    this.name = name;
    this.log = log;
  }
  attach(): void {
    this.log.push(`${this.name} attach`);
  }
  detach(): void {
    this.log.push(`${this.name} detach`);
  }
  requestQueued(): void {
    this.log.push(`${this.name} queued`);
  }
  requestStarting(): void {
    this.log.push(`${this.name} starting`);
  }
  requestStarted(): void {
    this.log.push(`${this.name} started`);
  }
  gotHeaders(): void {
    this.log.push(`${this.name} headers`);
  }
  gotBody(): void {
    this.log.push(`${this.name} body`);
  }
  attemptEnded(): void {
    this.log.push(`${this.name} ended`);
  }
  requestUnqueued(): void {
    this.log.push(`${this.name} unqueued`);
  }
}
class Special extends Noting {}
class SubFeature {}
class Accepting implements SessionFeature {
  readonly has = new Set<unknown>();
  addFeature(type: unknown): boolean {
    return type === SubFeature && Boolean(this.has.add(type));
  }
  removeFeature(type: unknown): boolean {
    return this.has.delete(type);
  }
  hasFeature(type: unknown): boolean {
    return this.has.has(type);
  }
}

describe("the features of a session", () => {
  it("are found by type whatever member makes them one, fields of the instance included", async () => {
    class WithDefaults implements SessionFeature {
      readonly requestDefaults = [["x-default", "1"]] as const;
    }
    class WithSink implements SessionFeature {
      wireBodySink = () => null;
    }
    await using session = new HttpSession({ addFeatureByType: [WithDefaults, WithSink] });
    assertEquals(session.getFeatures(WithDefaults).length, 1);
    assertEquals(session.getFeatures(WithSink).length, 1);
    assertThrows(() => session.addFeatureByType(SubFeature), TypeError, "SubFeature");
  });

  it("ask for fields that are made once for all ordinary messages of a scheme, over TLS for others", async () => {
    const seen: TransportRequest[] = [];
    const transport: Transport = {
      capabilities: capabilitiesWith({ name: "recording", supportsMethod: () => true }),
      createConnection: () => ({
        isOpen: true,
        close: () => {},
        send: (request) => {
          seen.push(request);
          return Promise.resolve(new Response("")) as ReturnType<ReturnType<Transport["createConnection"]>["send"]>;
        },
      }),
    };
    await using session = new HttpSession({ transport });
    session.addFeature({ requestDefaults: [["x-way", "open"]], requestDefaultsOverTls: [["x-way", "covered"]] });
    for (const scheme of ["https", "https", "http", "http"]) {
      await (await session.fetch(`${scheme}://example.org/`)).text();
    }
    const [first, second, third, fourth] = seen.map(({ headers }) => headers);
    assertStrictEquals(first, second);
    assertStrictEquals(third, fourth);
    const fields = seen.map(({ headers }) =>
      new Headers(headers.map(([name, value]): [string, string] => [name, value]))
    );
    assertEquals(fields.map((each) => each.get("x-way")), ["covered", "covered", "open", "open"]);
    assertEquals(fields.map((each) => each.get("accept-encoding")?.split(", ").includes("br")), [
      true,
      true,
      false,
      false,
    ]);
    await session.sendMessage(new HttpMessage("GET", "https://example.org/", { headers: { range: "bytes=0-1" } }));
    assertEquals(seen.at(-1)!.headers.find(([name]) => name === "accept-encoding")?.[1], "identity");
  });

  it("are newest first, attached once, detached when removed", async () => {
    await using session = new HttpSession({ defaultFeatures: false });
    const first = new Noting("first");
    const second = new Special("second");
    session.addFeature(first);
    session.addFeature(second);
    session.addFeature(first);
    assertEquals(session.getFeatures(), [second, first]);
    assertEquals(session.getFeatures(Noting), [second, first]);
    assertEquals(session.getFeatures(Special), [second]);
    assertStrictEquals(session.getFeature(Noting), second);
    session.removeFeature(second);
    session.removeFeature(second);
    assertStrictEquals(session.getFeature(Noting), first);
    assertEquals(session.getFeature(Special), null);
    assertEquals(first.log, ["first attach"]);
    assertEquals(second.log, ["second attach", "second detach"]);
  });

  it("are added and removed by class, subclasses included", async () => {
    await using session = new HttpSession({ defaultFeatures: false });
    session.addFeatureByType(Noting);
    session.addFeatureByType(Special);
    assertEquals(session.getFeatures(Noting).length, 2);
    session.removeFeatureByType(Noting);
    assertEquals(session.getFeatures(), []);
  });

  it("take sub-features, the newest that accepts first", async () => {
    await using session = new HttpSession({ defaultFeatures: false });
    assertThrows(() => session.addFeatureByType(SubFeature), TypeError);
    const older = new Accepting();
    const newer = new Accepting();
    session.addFeature(older);
    session.addFeature(newer);
    session.addFeatureByType(SubFeature);
    assertEquals([older.has.size, newer.has.size], [0, 1]);
    session.removeFeatureByType(SubFeature);
    assertEquals(newer.has.size, 0);
  });

  it("can be disabled for a message, without a second one taking over", async () => {
    await using session = new HttpSession({ defaultFeatures: false });
    const plain = new Noting();
    const special = new Special();
    session.addFeature(plain);
    session.addFeature(special);
    const msg = new HttpMessage("GET", "http://127.0.0.1/");
    assertStrictEquals(session.getFeatureForMessage(Noting, msg), special);
    msg.disableFeature(Special);
    assertEquals(session.getFeatureForMessage(Noting, msg), null);
    assertEquals([msg.isFeatureDisabled(special), msg.isFeatureDisabled(plain)], [true, false]);
  });

  it("are detached when the session closes", async () => {
    const feature = new Noting();
    const session = new HttpSession({ features: [feature] });
    await session.close();
    assertEquals(feature.log, ["a attach", "a detach"]);
  });
});

for (const transport of transports) {
  describe(`hooks of features on ${transport}`, () => {
    let server: SocketServer;
    before(async () => {
      server = await routeServer();
    });
    after(() => server.close());
    const get = (path: string) => new HttpMessage("GET", server.origin + path);

    it("run oldest feature first, in the documented order", async () => {
      const log: string[] = [];
      await using session = sessionOn(transport, { defaultFeatures: false });
      session.addFeature(new Noting("a", log));
      session.addFeature(new Noting("b", log));
      log.length = 0;
      await session.sendMessage(get("/ok"));
      const order = ["queued", "starting", "started", "headers", "body", "ended", "unqueued"];
      assertEquals(log, order.flatMap((hook) => [`a ${hook}`, `b ${hook}`]));
    });

    it("leave a message alone that disables the feature", async () => {
      const feature = new Special();
      await using session = sessionOn(transport, { features: [feature] });
      feature.log.length = 0;
      const msg = get("/ok");
      msg.disableFeature(Noting);
      await session.sendMessage(msg);
      assertEquals(feature.log, []);
    });

    it("may take their time; cancel does not wait for them", async () => {
      await using session = sessionOn(transport);
      const releases: (() => void)[] = [];
      session.addFeature({ requestStarted: () => new Promise<void>((resolve) => releases.push(resolve)) });
      const msg = get("/ok");
      const done = session.sendMessage(msg);
      await until(() => releases.length === 1);
      const before = server.requests.length;
      session.cancelMessage(msg, 77);
      assertEquals(await done, 77);
      releases[0]!();
      await wait(10);
      assertEquals(server.requests.length, before);
      const second = session.sendMessage(get("/ok"));
      await until(() => releases.length === 2);
      releases[1]!();
      assertEquals(await second, 200);
    });

    it("end the message when they fail, and the session goes on", async () => {
      await using session = sessionOn(transport);
      const error = new Error("the signer is gone");
      for (const hook of ["requestStarting", "requestStarted", "gotHeaders", "gotBody"] as const) {
        for (
          const fail of [() => Promise.reject(error), () => {
            throw error;
          }]
        ) {
          const feature: SessionFeature = { [hook]: fail };
          session.addFeature(feature);
          const before = server.requests.length;
          const msg = get("/ok");
          assertEquals(await session.sendMessage(msg), 7, hook);
          assertStrictEquals(msg.error, error);
          if (hook.startsWith("request")) assertEquals(server.requests.length, before);
          session.removeFeature(feature);
        }
      }
      assertEquals(await session.sendMessage(get("/ok")), 200);
    });

    it("change header fields before the request goes out", async () => {
      await using session = sessionOn(transport);
      session.addFeature({
        requestDefaults: [["x-default", "1"]],
        requestStarted: (_session, msg) => msg.requestHeaders.set("x-signed", "yes"),
      });
      const msg = get("/head");
      await session.sendMessage(msg);
      assertEquals(server.requests.at(-1)!.headers.get("x-signed"), "yes");
      assertEquals(server.requests.at(-1)!.headers.get("x-default"), "1");
      const own = get("/head");
      own.requestHeaders.set("x-default", "2");
      await session.sendMessage(own);
      assertEquals(server.requests.at(-1)!.headers.get("x-default"), "2");
      await (await session.fetch(`${server.origin}/head`)).text();
      assertEquals(server.requests.at(-1)!.headers.get("x-signed"), "yes");
    });

    it("move a message elsewhere before a connection is chosen", async () => {
      await using session = sessionOn(transport);
      session.addFeature({
        requestStarting: (_session, msg) => {
          msg.uri = new URL("/echo", msg.uri);
        },
      });
      const msg = get("/ok");
      await session.sendMessage(msg);
      assertEquals(new TextDecoder().decode(msg.responseBody), "GET ");
    });

    it("answer without a connection: no request-started, everything else", async () => {
      await using session = sessionOn(transport);
      session.addFeature({ lookup: () => new Response("cached", { headers: { age: "7" } }) });
      const seen: string[] = [];
      for (const type of ["request-queued", "connection-created", "request-started", "request-unqueued"] as const) {
        session.addEventListener(type, () => seen.push(type));
      }
      const msg = get("/ok");
      for (const type of ["got-headers", "got-chunk", "got-body", "finished"] as const) {
        msg.addEventListener(type, () => seen.push(type));
      }
      assertEquals(await session.sendMessage(msg), 200);
      const life = ["request-queued", "got-headers", "got-chunk", "got-body", "finished", "request-unqueued"];
      assertEquals(seen, life);
      assertEquals(new TextDecoder().decode(msg.responseBody), "cached");
      assertEquals(await (await session.fetch(`${server.origin}/ok`)).text(), "cached");
    });

    it("answer in place of the transport, through queue and slots", async () => {
      await using session = sessionOn(transport, { maxConns: 1 });
      let now = 0;
      let most = 0;
      session.addFeature({
        respond: async () => {
          most = Math.max(most, ++now);
          await wait(5);
          now--;
          return new Response("mocked");
        },
      });
      const before = server.connections;
      const texts = await Promise.all([1, 2, 3].map(async () => (await session.fetch(`${server.origin}/ok`)).text()));
      assertEquals(texts, ["mocked", "mocked", "mocked"]);
      assertEquals([most, server.connections], [1, before]);
    });

    it("transform bodies in the order of their stages, for messages and for fetch", async () => {
      await using session = sessionOn(transport);
      const tagging = (tag: string) => (body: ReadableStream<Uint8Array<ArrayBuffer>>) =>
        body.pipeThrough(
          new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
            flush: (controller) => controller.enqueue(new TextEncoder().encode(tag)),
          }),
        );
      session.addFeature({ transformBody: () => tagging(" decoded"), bodyStage: BodyStage.DECODED });
      session.addFeature({ transformBody: () => tagging(" wire"), bodyStage: BodyStage.WIRE });
      const msg = get("/ok");
      await session.sendMessage(msg);
      assertEquals(new TextDecoder().decode(msg.responseBody), "0123456789 wire decoded");
      assertEquals(await (await session.fetch(`${server.origin}/ok`)).text(), "0123456789 wire decoded");
      assertEquals(msg.metrics.responseBodyBytes, 10);
    });

    it("requeue after the body with all its events, or instead of finishing", async () => {
      await using session = sessionOn(transport);
      let tries = 0;
      session.addFeature({
        gotHeaders: (s, msg) => {
          if (tries++ === 0) s.requeueMessage(msg, { after: "body" });
        },
      });
      const seen: string[] = [];
      const msg = get("/ok");
      for (const type of ["got-headers", "got-body", "restarted", "finished"] as const) {
        msg.addEventListener(type, () => seen.push(type));
      }
      assertEquals(await session.sendMessage(msg), 200);
      assertEquals(seen, ["got-headers", "got-body", "restarted", "got-headers", "got-body", "finished"]);
      tries = 0;
      const before = server.requests.length;
      assertEquals(await (await session.fetch(`${server.origin}/ok`)).text(), "0123456789");
      assertEquals(server.requests.length - before, 2);
    });

    it("ask for another attempt at its end, after a pause without a connection", async () => {
      await using session = sessionOn(transport);
      let left = 2;
      session.addFeature({
        attemptEnded: async (s, msg) => {
          if (left-- <= 0) return;
          await wait(5);
          s.requeueMessage(msg);
        },
      });
      let finished = 0;
      const msg = get("/ok");
      msg.addEventListener("finished", () => finished++);
      assertEquals(await session.sendMessage(msg), 200);
      assertEquals([finished, msg.metrics.attempts], [1, 3]);
    });
  });
}
