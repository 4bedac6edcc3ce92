// Hostile answers, and messages and fetches that are cancelled, requeued, paused, aborted and read in every order: whatever happens, each of them ends once and nothing stays open.
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { HttpMessage, type HttpSession, type MessagePriority, Retry } from "../../../http/mod.ts";
import { type Route, routes, routeServer } from "../../_support/http_server.ts";
import { sessionOn, transportsWithHttp2, until, wait } from "../../_support/http_sessions.ts";
import { SeededRandom } from "../../_support/random.ts";

const head = "HTTP/1.1 200 OK\r\n";
const hostile: Record<string, Route> = {
  "/stalled-body": (_request, socket) => socket.write(`${head}Content-Length: 100\r\n\r\npart`),
  "/stalled-head": (_request, socket) => socket.write(`${head}Content-Le`),
  "/stalled-redirect": (_request, socket) =>
    socket.write("HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 9\r\n\r\npart"),
  "/endless-redirect": (request, socket, server) => {
    socket.write("HTTP/1.1 307 Temporary Redirect\r\nLocation: /ok\r\n");
    routes["/endless"]!(request, socket, server);
  },
  "/switching": (_request, socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
  "/two-answers": (_request, socket) =>
    socket.write(`${head}Content-Length: 2\r\n\r\nok${head}Content-Length: 2\r\n\r\nno`),
  "/no-gzip": (_request, socket) =>
    socket.write(`${head}Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8bxyz`),
};
const paths = [...Object.keys(hostile), ...Object.keys(routes)];

/** Ways to treat a response, the last of which reads nothing at all. */
const readings: readonly ((response: Response) => unknown)[] = [
  (response) => response.text(),
  (response) => Promise.all([response.clone().arrayBuffer(), response.text()]),
  (response) => response.body?.cancel(),
  (response) => wait(20).then(() => response.bytes()),
  async (response) => {
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
  },
  () => {},
];

/** A body in pieces that knows how it has ended; `meddle` runs when it is cancelled. */
class Upload {
  state: "open" | "read" | "cancelled" = "open";
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;

  constructor(pieces: number, meddle: () => void) {
    this.stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller): void => {
        if (pieces-- > 0) return controller.enqueue(new Uint8Array(1000));
        this.state = "read";
        controller.close();
      },
      cancel: (): void => {
        this.state = "cancelled";
        meddle();
      },
    }, { highWaterMark: 0 });
  }
}

/** One session's random life; resolves with how often each message was unqueued, and what became of streams that were sent. */
async function live(
  session: HttpSession,
  origin: string,
  random: SeededRandom,
): Promise<{ endings: number[]; uploads: Set<Upload["state"]> }> {
  const endings = new Map<HttpMessage, number>();
  const uploads: Upload[] = [];
  const pending: Promise<void>[] = [];
  const settled = (promise: Promise<unknown>) => void pending.push(promise.then(() => {}, () => {}));
  session.addEventListener("request-unqueued", ({ msg }) => {
    if (endings.has(msg)) endings.set(msg, endings.get(msg)! + 1);
  });
  session.addEventListener("authenticate", ({ auth }) => auth.authenticate("user", random.pick(["wrong", "right"])));
  const meddle = (msg: HttpMessage, isQueued = true): void => {
    const deed = random.integer(0, isQueued ? 5 : 3);
    if (deed === 0) session.cancelMessage(msg);
    if (deed === 1) session.unpauseMessage(msg);
    if (deed === 2) msg.priority = random.integer(0, 5) as MessagePriority;
    if (deed === 3) session.requeueMessage(msg);
    if (deed === 4) {
      session.pauseMessage(msg);
      setTimeout(() => session.unpauseMessage(msg), 5);
    }
  };
  const meddleWithAny = (): void => {
    if (endings.size > 0) meddle(random.pick([...endings.keys()]), false);
  };
  for (let count = random.integer(6, 16); count > 0; count--) {
    const url = origin + random.pick(paths);
    if (random.next() < 0.5) {
      const controller = new AbortController();
      const read = random.pick(readings);
      const streamed = random.next() < 0.5 ? new Upload(random.integer(0, 4), () => meddleWithAny()) : null;
      const body = streamed?.stream ?? "abc";
      const isUpload = random.next() < 0.4;
      if (isUpload && streamed !== null) uploads.push(streamed);
      const upload = isUpload ? { method: "POST", body, duplex: "half" as const } : {};
      settled(session.fetch(url, { ...upload, signal: controller.signal }).then(read));
      if (random.next() < 0.4) setTimeout(() => controller.abort(), random.integer(0, 30));
    } else {
      const msg = new HttpMessage(random.pick(["GET", "HEAD", "PUT"]), url);
      let left = 3;
      for (const event of ["wrote-headers", "got-headers", "got-body", "restarted"] as const) {
        msg.addEventListener(event, () => {
          if (left > 0 && random.next() < 0.2) {
            left--;
            meddle(msg);
          }
        });
      }
      endings.set(msg, 0);
      settled(session.sendMessage(msg));
    }
    if (random.next() < 0.3) meddleWithAny();
    if (random.next() < 0.4) await wait(random.integer(0, 10));
  }
  await wait(random.integer(0, 60));
  if (random.next() < 0.3) session.abort();
  await session.close();
  await Promise.all(pending);
  return { endings: [...endings.values()], uploads: new Set(uploads.map(({ state }) => state)) };
}

for (const transport of transportsWithHttp2) {
  describe(`random lives of a session on ${transport}`, () => {
    for (let seed = 1; seed <= 6; seed++) {
      it(`seed ${seed}: every message ends once, every fetch settles, every body is read or cancelled, no connection stays`, async () => {
        await using server = await routeServer(hostile, transport);
        const features = seed % 2 === 0 ? [new Retry({ limit: 1, baseDelay: 1 })] : [];
        const session = sessionOn(transport, { maxConnsPerHost: 1 + seed % 3, features });
        const { endings, uploads } = await live(session, server.origin, new SeededRandom(seed));
        assertEquals(new Set(endings), new Set(endings.length === 0 ? [] : [1]));
        assertEquals(uploads.has("open"), false);
        assertEquals(session.connections.length, 0);
        // Node's fetch keeps its connections to itself.
        if (session.capabilities.exactConnections) await until(() => server.open.size === 0);
      });
    }
  });
}
