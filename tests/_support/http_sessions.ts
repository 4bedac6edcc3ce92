// What session tests share: the transports to run each behaviour on, and a recorder of event sequences in the short names of the documentation.
import { HttpMessage, type HttpMessageInit, HttpSession, type HttpSessionOptions } from "../../http/mod.ts";

/** What carries the messages of a test: the runtime's fetch, HTTP/1.1 on sockets, HTTP/2 on sockets. */
export type SessionTransport = "fetch" | "node" | "h2";

/** The transports every behaviour is tested on. */
export const transports: readonly ("fetch" | "node")[] = ["fetch", "node"];

/** The same, and HTTP/2. */
export const transportsWithHttp2: readonly SessionTransport[] = [...transports, "h2"];

const messageEvents = {
  "wrote-headers": "wh",
  "wrote-body-data": "wbd",
  "wrote-chunk": "wc",
  "wrote-body": "wb",
  "got-informational": "gi",
  "got-headers": "gh",
  "got-chunk": "gc",
  "got-body": "gb",
  "restarted": "re",
  "finished": "fi",
} as const;

const sessionEvents = {
  "request-queued": "q",
  "connection-created": "cc",
  "request-started": "s",
  "authenticate": "auth",
  "request-unqueued": "u",
} as const;

/** A short name of an event of a message. */
export type Short = typeof messageEvents[keyof typeof messageEvents] | typeof sessionEvents[keyof typeof sessionEvents];

/** Records what happens to one message. */
export class Recorder {
  readonly log: string[] = [];
  readonly session: HttpSession;
  readonly msg: HttpMessage;
  readonly #handlers = new Map<string, (() => void)[]>();

  constructor(session: HttpSession, method: string, url: string, init?: HttpMessageInit) {
    this.session = session;
    this.msg = new HttpMessage(method, url, init);
    for (const [type, short] of Object.entries(messageEvents)) {
      this.msg.addEventListener(type as keyof typeof messageEvents, () => this.#note(short));
    }
    for (const [type, short] of Object.entries(sessionEvents)) {
      session.addEventListener(type as keyof typeof sessionEvents, (event) => {
        if (!("msg" in event) || event.msg === this.msg) this.#note(short);
      });
    }
  }

  /** Runs `action` the first time the event happens. */
  once(short: Short, action: () => void): this {
    this.#handlers.set(short, [...this.#handlers.get(short) ?? [], action]);
    return this;
  }

  #note(short: string): void {
    const { statusCode } = this.msg;
    this.log.push(short === "gh" || short === "fi" || short === "re" ? `${short}(${statusCode})` : short);
    this.#handlers.get(short)?.shift()?.();
  }

  /** Queues the message and waits for its end. The sequence has every run of pieces collapsed to one. */
  async run(): Promise<string> {
    await new Promise<void>((resolve) => {
      this.session.addEventListener("request-unqueued", (event) => {
        if (event.msg === this.msg) resolve();
      });
      this.session.queueMessage(this.msg, () => this.log.push("cb"));
    });
    return this.sequence;
  }

  /** What has been recorded. */
  get sequence(): string {
    return this.log.filter((name, index) => !(name === "gc" && this.log[index - 1] === "gc")).join(" ");
  }
}

/** A session for one test on one transport. */
export function sessionOn(transport: SessionTransport, options: HttpSessionOptions = {}): HttpSession {
  if (transport === "h2") return new HttpSession({ transport: "node", http2: "required", ...options });
  return new HttpSession({ transport, ...options });
}

/** Resolves after a time. */
export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until a condition holds; a minute and more is longer than any machine needs. */
export async function until(condition: () => boolean): Promise<void> {
  // Counted, not measured: a test may have stopped the clock.
  for (let turn = 0; !condition(); turn++) {
    if (turn === 12_000) throw new Error("Cannot wait any longer: the condition does not hold");
    await wait(5);
  }
}
