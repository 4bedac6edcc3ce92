// A program whose first messages meet something while that which sends them is still being loaded. It writes down what it
// has seen. Usage: WHAT, ORIGIN.
import process from "node:process";
import type { ExchangeObserver, HttpMessageInit, TransportConnection as Slot } from "../../http/mod.ts";

const [what, origin, library = "../../http/mod.ts"] = process.argv.slice(2) as [string, string, string?];
const { HttpMessage, HttpSession, MessagePriority, FetchTransport } = await import(
  library
) as typeof import("../../http/mod.ts");
type MessagePriority = NonNullable<HttpMessageInit["priority"]>;
type HttpMessage = InstanceType<typeof HttpMessage>;

const seen: unknown[] = [];
const session = new HttpSession({ maxConns: 1, maxConnsPerHost: 1 });

function message(path: string, priority: MessagePriority = MessagePriority.NORMAL): HttpMessage {
  const msg = new HttpMessage("GET", origin + path, { priority });
  for (const type of ["restarted", "finished"] as const) {
    msg.addEventListener(type, () => seen.push(`${path} ${type} ${msg.statusCode}`));
  }
  return msg;
}

/** Waits for messages; says what those failed with that did. */
async function ended(...sent: Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(sent);
  for (const outcome of outcomes) if (outcome.status === "rejected") seen.push(String(outcome.reason));
}

const whats: Record<string, () => Promise<void>> = {
  async order() {
    session.addEventListener("request-queued", ({ msg }) => seen.push(`${msg.uri.pathname}${msg.uri.search} queued`));
    const sent: Promise<unknown>[] = [session.sendMessage(new HttpMessage("GET", `${origin}/ok?1`))];
    sent.push(session.fetch(`${origin}/ok?2`).then((response) => response.text()));
    seen.push("both");
    sent.push(session.fetch(`${origin}/ok?3`).then((response) => response.text()));
    const raised = new HttpMessage("GET", `${origin}/ok?4`);
    sent.push(session.sendMessage(raised));
    raised.priority = MessagePriority.HIGH;
    await Promise.resolve();
    sent.push(session.sendMessage(new HttpMessage("GET", `${origin}/ok?5`)));
    await ended(...sent);
  },
  async contexts() {
    const { AsyncLocalStorage } = await import("node:async_hooks");
    const context = new AsyncLocalStorage<string>();
    const send = (name: string) => {
      const msg = new HttpMessage("GET", `${origin}/ok?${name}`);
      const sent = session.sendMessage(msg);
      // Nobody listened when it was queued.
      msg.addEventListener("finished", () => seen.push(`${name} in ${context.getStore()}`));
      return sent;
    };
    const sent = [context.run("one", () => send("one"))];
    await Promise.resolve();
    sent.push(context.run("two", () => send("two")));
    await Promise.resolve();
    sent.push(context.run("three", () => send("three")));
    await ended(...sent);
  },
  async cancelled() {
    const msg = message("/ok?cancelled");
    const sent = session.sendMessage(msg);
    session.cancelMessage(msg);
    seen.push("cancelled");
    const controller = new AbortController();
    const fetched = session.fetch(`${origin}/ok?aborted`, { signal: controller.signal });
    controller.abort(new Error("not wanted"));
    await ended(sent, fetched, session.sendMessage(message("/ok?next")));
  },
  async aborted() {
    const first = message("/ok?first");
    // What a listener queues meanwhile survives, and it is sent once.
    first.addEventListener("finished", () => sent.push(session.sendMessage(message("/ok?survivor"))), { once: true });
    const sent = [session.sendMessage(first), session.sendMessage(message("/ok?second"))];
    session.abort();
    seen.push(`${session.connections.length} connections`);
    await ended(...sent.splice(0));
    await ended(...sent);
    await ended(session.fetch(`${origin}/ok?next`));
  },
  async closed() {
    const fetched = session.fetch(`${origin}/ok?closed`);
    const socket = session.websocket(`${origin}/ok?socket`);
    await session.close();
    await ended(fetched, socket);
    const other = new HttpSession();
    await ended(other.fetch(`${origin}/ok?other`));
    await other.close();
  },
  async requeued() {
    const msg = message("/ok?requeued");
    const sent = session.sendMessage(msg);
    session.requeueMessage(msg);
    session.pauseMessage(msg);
    const others = [session.sendMessage(message("/ok?other"))];
    await ended(...others);
    seen.push(session.isPaused(msg));
    session.unpauseMessage(msg);
    await ended(sent);
    seen.push(msg.metrics.attempts);
  },
  async properties() {
    const sent = session.fetch(`${origin}/ok?1`).then((response) => response.text());
    session.maxConns = 3;
    session.idleTimeout = 100;
    session.proxyUri = null;
    await ended(sent, session.fetch(`${origin}/ok?2`).then((response) => response.text()));
  },
  async context() {
    const works: (() => void)[] = [];
    const own = new HttpSession({ asyncContext: { run: (work) => void works.push(work) } });
    const msg = message("/ok?context");
    const sent = own.sendMessage(msg);
    while (works.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    seen.push(msg.metrics.attempts);
    for (const work of works) work();
    await ended(sent);
    seen.push(works.length);
  },
  async hooks() {
    // A hook ends the first message, whose listener queues the next one, before anything was there to send with.
    const next: Promise<unknown>[] = [];
    session.addFeature({ requestQueued: (_session, msg) => msg.uri.search === "?ended" && session.cancelMessage(msg) });
    const msg = message("/ok?ended");
    msg.addEventListener("finished", () => next.push(session.sendMessage(message("/ok?1"))));
    await ended(session.sendMessage(msg));
    await ended(...next, session.sendMessage(message("/ok?2")));
  },
  async transports() {
    for (const transport of ["fetch", "node"] as const) {
      const own = new HttpSession({ transport });
      await ended(...[1, 2].map((each) => own.fetch(`${origin}/ok?${each}`).then((response) => response.text())));
      await own.close();
    }
  },
  async slots() {
    // Used without a session, nobody loads ahead what they need.
    const port = Number(new URL(origin).port);
    const tls = { strict: true, roots: null, client: null };
    const target = { scheme: "http", host: "localhost", port, proxy: null, tls, maxHeaderBytes: 1000 } as const;
    const nobody = new Proxy({}, { get: (_target, name) => name === "then" ? undefined : () => null });
    const observer = nobody as ExchangeObserver;
    const request = {
      method: "GET",
      url: `${origin}/ok?1`,
      headers: [],
      body: null,
      bodyLength: null,
      expectContinue: false,
    };
    const [sent, closed] = [1, 2].map(() => new FetchTransport().createConnection(target)) as [Slot, Slot];
    const answered = sent.send(request, observer).then((response) => sent.adapt!(response, request).bytes());
    const refused = closed.send({ ...request, url: `${origin}/ok?2` }, observer);
    closed.close("given up");
    await ended(refused, answered.then((bytes) => seen.push(new TextDecoder().decode(bytes))));
    sent.close();
  },
  gone: () =>
    ended(session.fetch(`${origin}/ok`), session.sendMessage(message("/ok?2")), session.sendMessage(message("/ok?3"))),
};

await whats[what]!();
process.stdout.write(`${JSON.stringify(seen)}\n`);
process.exitCode = 0;
