// What may be done to a message is done to it at random, from every listener, hook and callback: its events stay in the documented order, one attempt runs at a time, it ends once, and nothing is left.
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import {
  type AttemptWatch,
  ContentSniffer,
  type HttpMessage,
  type HttpSession,
  MessageFlags,
  type MessagePriority,
  type SessionFeature,
} from "../../../http/mod.ts";
import { bytesReply } from "../../_support/feature_session.ts";
import { type Route, routeServer } from "../../_support/http_server.ts";
import {
  Recorder,
  sessionOn,
  type SessionTransport,
  transportsWithHttp2,
  until,
} from "../../_support/http_sessions.ts";
import { SeededRandom } from "../../_support/random.ts";

const gzipped = gzipSync("<html>");
const gzip: Route = (_request, socket) => {
  socket.write(bytesReply("200 OK", gzipped, ["Content-Encoding: gzip"]));
};
const paths = ["/ok", "/302", "/chunked", "/echo", "/big", "/slow", "/gzip", "/bye", "/close"];

/** What one attempt may bring, any of which may be missing at its end. */
const attempt = "( s( wh( wbd| wc)*( wb)?)?( gh)?( sniffed)?( gc)*( gb)?)?";
const documented = new RegExp(`^q(${attempt}( fi cb)? re)*${attempt} fi cb u$`);

/** The attempts of one message, as those see them who watch. */
class Attempts implements AttemptWatch {
  running = 0;
  most = 0;
  readonly numbers: number[] = [];

  begin(msg: HttpMessage): this {
    this.most = Math.max(this.most, ++this.running);
    this.numbers.push(msg.metrics.attempts);
    return this;
  }

  run<T>(part: () => T): T {
    return part();
  }

  ended(): void {
    this.running--;
  }
}

/** One session whose messages are meddled with. */
class Life {
  readonly records: Recorder[] = [];
  readonly attempts = new Map<HttpMessage, Attempts>();
  readonly #session: HttpSession;
  readonly #random: SeededRandom;
  #deeds = 60;

  constructor(session: HttpSession, random: SeededRandom) {
    this.#session = session;
    this.#random = random;
    session.addFeature(this.#meddler());
    session.addEventListener("connection-created", () => this.#perhaps());
  }

  /** Queues a message on which everything meddles that is told of it. */
  queue(origin: string, count: number): void {
    const random = this.#random;
    const method = random.pick(["GET", "GET", "POST", "PUT"]);
    const body = method === "GET" ? {} : { body: "abc" };
    const flags = random.next() < 0.2 ? [MessageFlags.NEW_CONNECTION] : [];
    const url = `${origin}${random.pick(paths)}?${count}`;
    const record = new Recorder(this.#session, method, url, { ...body, flags });
    const { msg } = record;
    this.attempts.set(msg, new Attempts());
    msg.addEventListener("content-sniffed", () => record.log.push("sniffed"));
    // The recorder has noted each of them before.
    for (const type of ["wrote-headers", "wrote-body", "got-headers", "got-body", "restarted", "finished"] as const) {
      msg.addEventListener(type, () => this.#perhaps(msg));
    }
    for (const type of ["wrote-chunk", "got-chunk", "content-sniffed", "network-event"] as const) {
      msg.addEventListener(type, () => this.#perhaps(msg));
    }
    for (const type of ["request-queued", "request-started", "request-unqueued"] as const) {
      this.#session.addEventListener(type, (event) => event.msg === msg && this.#perhaps(msg));
    }
    this.records.push(record);
    this.#session.queueMessage(msg, () => {
      record.log.push("cb");
      this.#perhaps(msg);
    });
  }

  /** Does something to any message, or lets a moment pass. */
  async step(): Promise<void> {
    this.#do(this.#random.pick(this.records).msg);
    const moment = this.#random.integer(0, 4);
    if (moment === 0) await new Promise<void>((resolve) => setTimeout(resolve, this.#random.integer(0, 4)));
    else for (let turn = this.#random.integer(0, 12); moment === 1 && turn > 0; turn--) await null;
  }

  #perhaps(msg?: HttpMessage): void {
    if (this.records.length === 0 || this.#random.next() > 0.06) return;
    this.#do(msg === undefined || this.#random.next() < 0.2 ? this.#random.pick(this.records).msg : msg);
  }

  #do(msg: HttpMessage): void {
    const session = this.#session;
    if (this.#deeds === 0 || ![...session.messages()].includes(msg)) return;
    this.#deeds--;
    const deed = this.#random.integer(0, 16);
    if (deed < 5) session.requeueMessage(msg, deed === 0 ? { after: "body" } : {});
    else if (deed < 6) session.requeueMessage(msg, { sameConnection: true });
    else if (deed < 8) session.cancelMessage(msg);
    else if (deed < 9) session.redirectMessage(msg);
    else if (deed < 12) {
      session.pauseMessage(msg);
      setTimeout(() => session.unpauseMessage(msg), this.#random.integer(0, 3));
    } else if (deed < 13) session.unpauseMessage(msg);
    else if (deed < 15) msg.priority = this.#random.integer(0, 5) as MessagePriority;
    else if (this.#random.next() < 0.1) session.abort();
  }

  #meddler(): SessionFeature {
    const meddle = (_session: unknown, msg: HttpMessage): void => this.#perhaps(msg);
    const later = async (_session: unknown, msg: HttpMessage): Promise<void> => {
      this.#perhaps(msg);
      await null;
      this.#perhaps(msg);
    };
    const nothing = (msg: HttpMessage): null => {
      this.#perhaps(msg);
      return null;
    };
    return {
      watchAttempt: (_session, msg) => {
        const watch = this.attempts.get(msg)!.begin(msg);
        this.#perhaps(msg);
        return {
          run: (part) => part(),
          ended: () => {
            watch.ended();
            this.#perhaps(msg);
          },
        };
      },
      requestQueued: meddle,
      requestStarting: later,
      lookup: (_session, msg) => nothing(msg),
      resolveProxy: (_uri, msg) => Promise.resolve(nothing(msg!)),
      connecting: meddle,
      requestStarted: later,
      respond: (msg) => nothing(msg),
      replaceResponse: (_session, msg) => nothing(msg),
      gotHeaders: later,
      transformBody: (_session, msg) => nothing(msg),
      gotBody: meddle,
      attemptEnded: later,
    };
  }
}

async function live(transport: SessionTransport, seed: number): Promise<void> {
  await using server = await routeServer({ "/gzip": gzip }, transport);
  const random = new SeededRandom(seed);
  const session = sessionOn(transport, { maxConnsPerHost: 1 + seed % 2, features: [new ContentSniffer()] });
  const life = new Life(session, random);
  for (let count = 0; count < 6; count++) {
    life.queue(server.origin, count);
    while (random.next() < 0.7) await life.step();
  }
  await until(() => [...session.messages()].length === 0);
  await new Promise<void>((resolve) => setTimeout(resolve, 2));
  for (const [count, { log, msg }] of life.records.entries()) {
    const told = log.filter((name) => !/^(cc|auth)/.test(name)).map((name) => name.replace(/\(.*/, "")).join(" ");
    assert(documented.test(told), told);
    const { most, numbers, running } = life.attempts.get(msg)!;
    assertEquals([most <= 1, running], [true, 0], told);
    assertEquals(numbers, [...new Set(numbers)], told);
    const seen = server.requests.filter(({ target }) => target.endsWith(`?${count}`)).length;
    // The runtime's fetch sends some of them again by itself.
    assert(transport === "fetch" || seen <= log.filter((name) => name === "s").length, `${seen} requests: ${told}`);
  }
  await session.close();
  assertEquals(session.connections.length, 0);
  // Node's fetch keeps its connections to itself.
  if (session.capabilities.exactConnections) await until(() => server.open.size === 0);
}

for (const transport of transportsWithHttp2) {
  describe(`operations on messages at random on ${transport}`, () => {
    for (let seed = 1; seed <= 6; seed++) {
      it(`seed ${seed}: each message ends once, one attempt at a time, with its events in their order`, () =>
        live(transport, seed));
    }
  });
}
