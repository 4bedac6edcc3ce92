import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { SessionFetch } from "../../../http/contract/feature_session.ts";
import {
  EventStreamError,
  EventStreamParser,
  readServerSentEvents,
  type ServerSentEvent,
  serverSentEvents,
} from "../../../http/streams/server_sent_events.ts";
import { RecordTooLongError } from "../../../http/streams/source.ts";
import { NdjsonError, readNdjson } from "../../../http/streams/ndjson.ts";
import { SeededRandom } from "../../_support/random.ts";
import { assertLinear } from "../../_support/growth.ts";

const encoder = new TextEncoder();

function parse(text: string, size = Infinity, parser = new EventStreamParser()): ServerSentEvent[] {
  const bytes = encoder.encode(text);
  const events: ServerSentEvent[] = [];
  const step = Math.min(size, Math.max(1, bytes.byteLength));
  for (let offset = 0; offset < bytes.byteLength; offset += step) {
    events.push(...parser.push(bytes.subarray(offset, offset + step)));
  }
  return events;
}

function event(data: string, type = "message", lastEventId = ""): ServerSentEvent {
  return { type, data, lastEventId };
}

function streamOf(...chunks: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(typeof chunk === "string" ? encoder.encode(chunk) : chunk);
      controller.close();
    },
  });
}

/** A body that gives its chunks and then nothing more until it is cancelled. */
function openStream(cancelled: (reason: unknown) => void, ...chunks: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk === undefined) return new Promise(() => {});
      controller.enqueue(encoder.encode(chunk));
    },
    cancel: cancelled,
  });
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describe("the event stream format", () => {
  const cases: [name: string, text: string, events: ServerSentEvent[]][] = [
    ["joins data lines", "data: a\ndata: b\n\n", [event("a\nb")]],
    ["names events", "event: add\ndata: 7\n\ndata: 8\n\n", [event("7", "add"), event("8")]],
    ["drops comments", ": hello\n\ndata: x\n:\n\n", [event("x")]],
    ["removes one space only", "data:  x\ndata:y\n\n", [event(" x\ny")]],
    ["takes fields without a colon", "data\n\ndata\ndata\n\n", [event(""), event("\n")]],
    ["drops an event without data", "event: x\nid: 1\n\ndata: y\n\n", [event("y", "message", "1")]],
    ["drops what is incomplete", "data: a\n\ndata: b\n", [event("a")]],
    ["keeps the id", "id: 5\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", [
      event("a", "message", "5"),
      event("b", "message", "5"),
      event("c"),
    ]],
    ["ignores an id with NUL", "id: 1\u0000\ndata: a\n\n", [event("a")]],
    ["ignores unknown fields", "Data: a\nfoo: b\ndata : c\n\ndata: d\n\n", [event("d")]],
    ["strips one byte order mark", "\ufeffdata: a\n\n", [event("a")]],
    ["keeps a second byte order mark", "\ufeff\ufeffdata: a\n\ndata: b\n\n", [event("b")]],
    ["reads UTF-8", "data: 😀é\n\n", [event("😀é")]],
    ["keeps an empty type apart", "event:\ndata: a\n\n", [event("a")]],
  ];

  for (const [name, text, expected] of cases) {
    it(name, () => {
      for (const newline of ["\n", "\r", "\r\n"]) {
        const written = text.replaceAll("\n", newline);
        for (const size of [1, 2, 3, Infinity]) assertEquals(parse(written, size), expected, JSON.stringify(written));
      }
    });
  }

  it("mixes line ends", () => {
    assertEquals(parse("data: a\r\ndata: b\rdata: c\n\rdata: d\r\n\n"), [event("a\nb\nc"), event("d")]);
  });

  it("takes a reconnection time of digits only", () => {
    const parser = new EventStreamParser();
    parse("retry: 10x\nretry: -1\nretry:\n", Infinity, parser);
    assertEquals(parser.retry, undefined);
    parse("retry: 250\n", Infinity, parser);
    assertEquals(parser.retry, 250);
  });

  it("takes an id over when its event ends, data or not", () => {
    const parser = new EventStreamParser({ lastEventId: "0" });
    assertEquals(parse("id: 1\n", Infinity, parser), []);
    assertEquals(parser.lastEventId, "0");
    assertEquals(parse("\n", Infinity, parser), []);
    assertEquals(parser.lastEventId, "1");
  });

  it("stops lines and events that never end", () => {
    for (const piece of ["data: aaaaaaaaaaaaaaaa\n", "data: aaaaaaaaaaaaaaaa", "data\n"]) {
      const parser = new EventStreamParser({ maxEventSize: 10_000 });
      const error = failure(() => parse(piece.repeat(20_000), 100, parser));
      assert(error instanceof RecordTooLongError, piece);
    }
  });

  it("takes linear time for a long line in small pieces", () => {
    assertLinear((size) => assertEquals(parse(`data: ${"x".repeat(size)}\n\n`, 100).length, 1), 2_000_000);
  });

  it("gives the same events however random streams are cut", () => {
    const random = new SeededRandom(99);
    const pieces = ["data", ":", " ", "\n", "\r", "\r\n", "\n\n", "id", "event", "retry", "é", "\ufeff", "\0", "12"];
    for (let round = 0; round < 500; round++) {
      const text = random.fieldValue(pieces, 60);
      const whole = parse(text);
      for (const size of [1, 2, 5]) assertEquals(parse(text, size), whole, JSON.stringify(text));
    }
  });
});

function failure(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("reading an event stream", () => {
  it("gives events as they arrive and cancels the body when the loop is left", async () => {
    let reason: unknown = "not cancelled";
    const body = openStream((why) => reason = why, "data: 1\n\nda", "ta: 2\n\n");
    const seen: string[] = [];
    for await (const { data } of readServerSentEvents(body)) if (seen.push(data) === 2) break;
    assertEquals(seen, ["1", "2"]);
    assertEquals(reason, undefined);
  });

  it("ends at once with the reason of its signal", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    let cancelled: unknown;
    const body = openStream((why) => cancelled = why, "data: 1\n\n");
    const error = await assertRejects(async () => {
      for await (const _event of readServerSentEvents(body, { signal: controller.signal })) controller.abort(reason);
    });
    assert(error === reason);
    assert(cancelled === reason);
    assert(await assertRejects(() => collect(readNdjson(streamOf("1"), { signal: controller.signal }))) === reason);
  });

  it("throws what the body throws", async () => {
    const broken = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new TypeError("connection lost")),
    });
    await assertRejects(() => collect(readServerSentEvents(broken)), TypeError, "connection lost");
  });
});

/** A session of scripted answers; a function can wait or fail. */
function scripted(...answers: (() => Response | Promise<Response>)[]) {
  const requests: Headers[] = [];
  const fetch = async (_input: unknown, init?: { headers?: HeadersInit; signal?: AbortSignal | null }) => {
    requests.push(new Headers(init?.headers));
    init?.signal?.throwIfAborted();
    const answer = answers.shift();
    if (answer === undefined) throw new Error("asked too often");
    return await answer();
  };
  return { session: { fetch: fetch as SessionFetch }, requests };
}

function events(text: string): () => Response {
  return () => new Response(text, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
}

const noContent = (): Response => new Response(null, { status: 204 });

describe("an event stream that is kept open", () => {
  const url = "http://example.org/events";

  it("is opened again with the last id until the server answers 204", async () => {
    const { session, requests } = scripted(
      events("retry: 1\nid: a\ndata: 1\n\nid: lost\ndata: x"),
      events("data: 2\n\n"),
      events("id: é\ndata: 3\n\n"),
      noContent,
    );
    const seen = await collect(
      serverSentEvents(session, url, { reconnectDelay: 1, init: { headers: { "x-a": "1" } } }),
    );
    assertEquals(seen.map((one) => [one.data, one.lastEventId]), [["1", "a"], ["2", "a"], ["3", "é"]]);
    assertEquals(requests.map((headers) => headers.get("last-event-id")), [null, "a", "a", "\xc3\xa9"]);
    assertEquals(requests[0]!.get("accept"), "text/event-stream");
    assertEquals(requests[0]!.get("cache-control"), "no-store");
    assertEquals(requests[3]!.get("x-a"), "1");
  });

  it("waits as long as the server says, doubling when nothing answers", async () => {
    const lost = (): Response => {
      throw new TypeError("connection refused");
    };
    const { session } = scripted(lost, lost, lost, events("retry: 2\ndata: x\n\n"), noContent);
    const delays: number[] = [];
    const options = {
      reconnectDelay: 1,
      maxReconnectDelay: 2,
      onReconnect: (info: { delay: number }) => void delays.push(info.delay),
    };
    assertEquals((await collect(serverSentEvents(session, url, options))).length, 1);
    assertEquals(delays, [1, 2, 2, 2]);
  });

  it("gives up after so many failures", async () => {
    const lost = (): Response => {
      throw new TypeError("connection refused");
    };
    const { session, requests } = scripted(lost, lost, lost);
    const reading = () => collect(serverSentEvents(session, url, { reconnectDelay: 1, maxFailures: 2 }));
    await assertRejects(reading, TypeError, "connection refused");
    assertEquals(requests.length, 3);
  });

  it("does not ask again after another answer", async () => {
    for (const answer of [() => new Response("no", { status: 500 }), () => new Response("no"), events]) {
      const response = answer === events ? () => new Response("", { status: 206 }) : answer as () => Response;
      const { session, requests } = scripted(response);
      const error = await assertRejects(() => collect(serverSentEvents(session, url)), EventStreamError);
      assert((error as EventStreamError).response instanceof Response);
      assertEquals(requests.length, 1);
    }
  });

  it("ends with the reason of its signal while it waits and while it is open", async () => {
    for (const answer of [events("data: 1\n\n"), () => openResponse()]) {
      const controller = new AbortController();
      const { session } = scripted(answer);
      const error = await assertRejects(async () => {
        for await (const _event of serverSentEvents(session, url, { signal: controller.signal })) {
          setTimeout(() => controller.abort("stop"), 5);
        }
      });
      assertEquals(error, "stop");
    }
    function openResponse(): Response {
      const body = openStream(() => {}, "data: 1\n\n");
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    }
  });
});

describe("NDJSON", () => {
  it("gives records as they arrive, however they are cut", async () => {
    const text = '{"a":1}\r\n\n  \n[2]\n"é😀"\nnull\n3';
    const bytes = encoder.encode(text);
    for (const size of [1, 2, 7, 100]) {
      const chunks: Uint8Array[] = [];
      for (let offset = 0; offset < bytes.length; offset += size) chunks.push(bytes.subarray(offset, offset + size));
      assertEquals(await collect(readNdjson(streamOf(...chunks))), [{ a: 1 }, [2], "é😀", null, 3]);
    }
    assertEquals(await collect(readNdjson(new Response(null))), []);
    assertEquals(await collect(readNdjson(new Response("\ufeff1\n"))), [1]);
  });

  it("names the line that is no JSON, or passes over it", async () => {
    const body = '1\n{"a":\n2';
    const error = await assertRejects(() => collect(readNdjson(new Response(body))), NdjsonError);
    assertEquals([(error as NdjsonError).line, (error as NdjsonError).text], [2, '{"a":']);
    const invalid: number[] = [];
    const onInvalid = (problem: NdjsonError): void => void invalid.push(problem.line);
    assertEquals(await collect(readNdjson(new Response(body), { onInvalid })), [1, 2]);
    assertEquals(invalid, [2]);
  });

  it("stops at a record that never ends", async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(encoder.encode("[".repeat(1000)));
      },
    });
    await assertRejects(() => collect(readNdjson(endless, { maxRecordSize: 10_000 })), RecordTooLongError);
    assert(pulled < 15);
  });

  it("reads no further than it is asked to", async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(encoder.encode(`${++pulled}\n`));
      },
    }, { highWaterMark: 0 });
    for await (const record of readNdjson<number>(body)) if (record === 3) break;
    assertEquals(pulled, 3);
  });
});
