import { assert, assertEquals, assertRejects } from "@std/assert";
import { tracingChannel } from "node:diagnostics_channel";
import { afterEach, describe, it } from "node:test";
import {
  HttpError,
  HttpMessage,
  HttpSession,
  HttpStatus,
  MockTransport,
  type TracedMessage,
} from "../../../http/mod.ts";

const names = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;
const channel = tracingChannel("gp11:message");

describe("The tracing channel gp11:message", () => {
  const events: { name: string; trace: TracedMessage }[] = [];
  const listeners = names.map((name) => (message: unknown) => {
    events.push({ name, trace: message as TracedMessage });
  });
  const subscribe = () => names.forEach((name, index) => channel[name].subscribe(listeners[index]!));
  const seen = () => events.map(({ name }) => name);

  afterEach(() => {
    names.forEach((name, index) => channel[name].unsubscribe(listeners[index]!));
    events.length = 0;
  });

  function mocked(answer: (url: string) => Response): HttpSession {
    return new HttpSession({ features: [new MockTransport(({ url }) => answer(url))] });
  }

  it("tells of a message once, redirects included, and says what it is about", async () => {
    await using session = mocked((url) =>
      url.endsWith("/old") ? new Response(null, { status: 302, headers: { location: "/new" } }) : new Response("new")
    );
    await session.sendMessage(new HttpMessage("GET", "https://example.org/new"));
    subscribe();
    const msg = new HttpMessage("GET", "https://example.org/old");
    const sent = session.sendMessage(msg);
    assertEquals(seen(), ["start", "end"]);
    assertEquals(await sent, 200);
    assertEquals(seen(), ["start", "end", "asyncStart", "asyncEnd"]);
    const { trace } = events[0]!;
    assert(events.every((event) => event.trace === trace));
    assert(trace.session === session && trace.msg === msg);
    assertEquals(trace.connection?.host, "example.org");
  });

  it("tells of a failure, and takes no status of a server for one", async () => {
    await using session = mocked((url) => {
      if (url.endsWith("/500")) return new Response(null, { status: 500 });
      throw new Error("no");
    });
    subscribe();
    await session.sendMessage(new HttpMessage("GET", "https://example.org/500"));
    assertEquals(seen(), ["start", "end", "asyncStart", "asyncEnd"]);
    events.length = 0;
    await assertRejects(() => session.fetch("https://example.org/broken"), HttpError);
    assertEquals(seen(), ["start", "end", "error", "asyncStart", "asyncEnd"]);
    const error = events[2]!.trace.error as HttpError;
    assertEquals([error.status, error.msg === events[0]!.trace.msg], [HttpStatus.IO_ERROR, true]);
  });

  it("tells of the end of what is cancelled, also where it is cancelled as it is queued", async () => {
    await using session = mocked(() => new Response("late"));
    subscribe();
    const msg = new HttpMessage("GET", "https://example.org/");
    session.queueMessage(msg);
    session.cancelMessage(msg);
    assertEquals(seen(), ["start", "end", "error", "asyncStart", "asyncEnd"]);
    events.length = 0;
    session.addEventListener("request-queued", (event) => session.cancelMessage(event.msg));
    assertEquals(await session.sendMessage(new HttpMessage("GET", "https://example.org/")), HttpStatus.CANCELLED);
    assertEquals(seen().sort(), ["asyncEnd", "asyncStart", "end", "error", "start"]);
  });

  it("tells of a synchronous send from start to end", async () => {
    await using session = new HttpSession();
    subscribe();
    const status = session.sendMessageSync(new HttpMessage("GET", "http://127.0.0.1:1/"));
    assert(status > 0 && status < 100, String(status));
    assertEquals(seen(), ["start", "error", "end"]);
  });
});
