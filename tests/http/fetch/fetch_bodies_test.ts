// Request bodies of every kind: read as they are sent, with their length where it is known, ended with the request.
import { after, before, describe, it } from "node:test";
import { Buffer } from "node:buffer";
import { createServer as createHttpServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { writeFileSync } from "node:fs";
import { HttpMessage, type HttpSession } from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";
import { sessionOn, transports, until } from "../../_support/http_sessions.ts";
import { reply } from "../../_support/socket_server.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

interface Upload {
  headers: IncomingMessage["headers"];
  body: Buffer;
}

/** A server that keeps uploads; /never reads none and answers none, /307 sends elsewhere. */
async function uploadServer(): Promise<{ server: Server; origin: string; uploads: Upload[] }> {
  const uploads: Upload[] = [];
  const server = createHttpServer((request, response) => {
    if (request.url === "/never") {
      request.pause();
      return;
    }
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      uploads.push({ headers: request.headers, body: Buffer.concat(pieces) });
      if (request.url === "/307") response.writeHead(307, { location: "/here" });
      response.end();
    });
    request.on("error", () => {});
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", () => listening()));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, uploads };
}

const half = { method: "POST", duplex: "half" } as const;
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** True where the fetch of the runtime sends the length of a stream. */
const sendsLength = (session: HttpSession) => session.capabilities.uploadLength === true;

for (const transport of transports) {
  describe(`request bodies on ${transport}`, () => {
    let origin: string;
    let server: Server;
    let uploads: Upload[];
    let session: HttpSession;
    before(async () => {
      ({ server, origin, uploads } = await uploadServer());
      session = sessionOn(transport);
    });
    after(async () => {
      await session.close();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    });

    async function upload(body: unknown, path = "/"): Promise<Upload> {
      const init = { ...half, body } as RequestInit;
      const response = await session.fetch(origin + path, init);
      assertEquals(response.status, 200);
      await response.text();
      return uploads.at(-1)!;
    }

    it("sends Blobs and Files with their type and length", async () => {
      const text = "ü".repeat(100_000);
      const css = new Blob([text], { type: "text/css" });
      const blob = await upload(css);
      assertEquals([blob.headers["content-type"], blob.body.toString()], [css.type, text]);
      if (sendsLength(session)) assertEquals(blob.headers["content-length"], "200000");
      const file = await upload(new File(["abc"], "a.txt"));
      assertEquals([file.headers["content-type"], file.body.toString()], [undefined, "abc"]);
    });

    it("sends forms with files, escaped and with line ends as HTML has them", async () => {
      const form = new FormData();
      form.append('quote"line\nend', "one\ntwo\rthree\r\nfour");
      form.append("file", new File(["\x00raw\n"], 'na"me.bin', { type: "image/png" }));
      form.append("blob", new Blob(["untyped"]));
      const { headers, body } = await upload(form);
      const boundary = /^multipart\/form-data; boundary=(\S+)$/.exec(headers["content-type"]!)![1]!;
      const expected = [
        `--${boundary}`,
        'Content-Disposition: form-data; name="quote%22line%0D%0Aend"',
        "",
        "one\r\ntwo\r\nthree\r\nfour",
        `--${boundary}`,
        'Content-Disposition: form-data; name="file"; filename="na%22me.bin"',
        "Content-Type: image/png",
        "",
        "\x00raw\n",
        `--${boundary}`,
        'Content-Disposition: form-data; name="blob"; filename="blob"',
        "Content-Type: application/octet-stream",
        "",
        "untyped",
        `--${boundary}--`,
        "",
      ].join("\r\n");
      assertEquals(body.toString(), expected);
      if (sendsLength(session)) assertEquals(headers["content-length"], String(expected.length));
    });

    const bunFile = (globalThis as { Bun?: { file(path: string): Blob } }).Bun?.file;
    const noFiles = bunFile === undefined ? "only Bun has Blobs of files" : false;
    it("sends no path of a file on the disk", { skip: noFiles }, async () => {
      const path = `${temporaryFolder("private")}/secret.txt`;
      writeFileSync(path, "content");
      const form = new FormData();
      form.append("file", bunFile!(path), "given.txt");
      const { body } = await upload(form);
      assertMatch(body.toString(), /filename="\w+\.txt"\r\n[^]*\r\n\r\ncontent\r\n/);
    });

    it("sends forms a runtime can read back", async () => {
      const form = new FormData();
      form.append("größe", "très grand");
      form.append("f", new File([new Uint8Array([0, 255, 13, 10])], "ü.bin"));
      const { headers, body } = await upload(form);
      const read = await new Response(new Uint8Array(body), { headers: { "content-type": headers["content-type"]! } })
        .formData();
      assertEquals(read.get("größe"), "très grand");
      const file = read.get("f") as File;
      assertEquals([file.name, [...new Uint8Array(await file.arrayBuffer())]], ["ü.bin", [0, 255, 13, 10]]);
    });

    it("sends search parameters, and what is no body as its text", async () => {
      const search = await upload(new URLSearchParams({ a: "b c" }));
      assertEquals(search.headers["content-type"], "application/x-www-form-urlencoded;charset=UTF-8");
      assertEquals([search.headers["content-length"], search.body.toString()], ["5", "a=b+c"]);
      assertEquals((await upload(5)).body.toString(), "5");
      assertEquals((await upload(["a", "b"])).body.toString(), "a,b");
    });

    it("sends iterators and Node's streams in pieces", async () => {
      async function* slowly(): AsyncGenerator<Uint8Array | string> {
        yield bytesOf("one ");
        await Promise.resolve();
        yield "two";
      }
      const iterated = await upload(slowly());
      assertEquals([iterated.body.toString(), iterated.headers["content-length"]], ["one two", undefined]);
      assertEquals((await upload([bytesOf("a"), bytesOf("b")].values())).body.toString(), "ab");
      const readable = Readable.from([Buffer.from("node "), Buffer.from("stream")]);
      assertEquals((await upload(readable)).body.toString(), "node stream");
      assert(readable.destroyed);
    });

    it("reads no more than the peer takes, and ends the source when the caller gives up", async () => {
      const reason = new Error("enough");
      for (const kind of ["iterator", "stream", "Node stream", "Blob"]) {
        const controller = new AbortController();
        let pulled = 0;
        let ended: unknown = "not ended";
        const piece = new Uint8Array(64 * 1024);
        // 64 MiB if all of it were gathered; what fits between here and a peer that reads nothing is a fraction of it.
        const pieces = 1024;
        const source = (async function* () {
          try {
            for (; pulled < pieces; pulled++) yield piece;
          } finally {
            ended = "ended";
          }
        })();
        const stream = new ReadableStream({
          pull(streamController): void {
            pulled++;
            streamController.enqueue(piece.slice());
          },
          cancel: (why): void => void (ended = why),
        }, { highWaterMark: 0 });
        const body = kind === "iterator"
          ? source
          : kind === "Node stream"
          ? Readable.from(source)
          : kind === "stream"
          ? stream
          : observedBlob(pieces, piece, () => pulled++, (why) => ended = why);
        const init = { ...half, body, signal: controller.signal } as RequestInit;
        const rejected = session.fetch(`${origin}/never`, init).catch((error: unknown) => error);
        let before = -1;
        await until(() => {
          const isStill = pulled > 0 && pulled === before;
          before = pulled;
          return isStill;
        });
        assert(pulled < pieces / 2, `${kind}: ${pulled} pieces were read`);
        controller.abort(reason);
        assertStrictEquals(await rejected, reason, kind);
        await until(() => ended !== "not ended");
        if (kind === "stream" || kind === "Blob") assertStrictEquals(ended, reason, kind);
      }
    });

    it("tells the source of a body that is never sent", async () => {
      const reason = new Error("changed my mind");
      const narrow = sessionOn(transport, { maxConns: 1 });
      const first = narrow.fetch(`${origin}/never`, { method: "POST", body: "x" }).catch((error: unknown) => error);
      const waiting = new AbortController();
      for (const { signal } of [{ signal: AbortSignal.abort(reason) }, waiting]) {
        let cancelled: unknown = null;
        const body = new ReadableStream({ cancel: (why): void => void (cancelled = why) });
        const sent = narrow.fetch(origin, { ...half, body, signal } as RequestInit).catch((error: unknown) => error);
        waiting.abort(reason);
        assertStrictEquals(await sent, reason);
        assertStrictEquals(cancelled, reason);
      }
      await narrow.close();
      assertInstanceOf(await first, TypeError);
    });

    it("reports progress against the whole of a Blob and a form", async () => {
      const form = new FormData();
      form.append("file", new File([new Uint8Array(300_000)], "f"));
      for (const body of [new Blob([new Uint8Array(300_000)]), form]) {
        const seen: (readonly [number, number | null])[] = [];
        const msg = new HttpMessage("POST", origin, { body });
        msg.addEventListener("progress", (event) => {
          if (event.direction === "upload") seen.push([event.loaded, event.total]);
        });
        await session.sendMessage(msg);
        const total = msg.requestBodyLength!;
        assert(total >= 300_000);
        assert(seen.length > 1);
        assertEquals(seen.at(-1), [total, total]);
        assertEquals(new Set(seen.map(([, each]) => each)), new Set([total]));
        assertEquals(uploads.at(-1)!.body.byteLength, total);
      }
    });

    it("sends Blobs and forms again where a redirect asks for it, and iterators not", async () => {
      const form = new FormData();
      form.append("a", "b");
      for (const body of [new Blob(["again"]), form]) {
        const { body: received } = await upload(body, "/307");
        assertEquals(received.toString().includes(body instanceof Blob ? "again" : 'name="a"'), true);
      }
      const once = (async function* () {
        yield bytesOf("once");
      })();
      await assertRejects(() => upload(once, "/307"), TypeError, "stream");
    });

    it("takes a stream with duplex alone, as the standard has it", async () => {
      for (const body of [new ReadableStream(), Readable.from([bytesOf("a")])]) {
        const init = { method: "POST", body } as unknown as RequestInit;
        await assertRejects(() => session.fetch(origin, init), TypeError, "duplex");
      }
      const full = { method: "POST", body: "a", duplex: "full" } as RequestInit;
      await assertRejects(() => session.fetch(origin, full), TypeError, "duplex");
    });

    it("rejects with what the source of a body threw", async () => {
      const thrown = new RangeError("the disk is gone");
      const body = (async function* () {
        yield bytesOf("a");
        throw thrown;
      })();
      const error = await session.fetch(origin, { ...half, body } as unknown as RequestInit).catch((e: unknown) => e);
      assertInstanceOf(error, TypeError);
      let cause: unknown = error;
      while (cause instanceof Error && cause !== thrown) cause = cause.cause;
      assertStrictEquals(cause, thrown, String(error));
    });
  });
}

/** A Blob whose stream counts what is read of it. */
function observedBlob(
  pieces: number,
  piece: Uint8Array<ArrayBuffer>,
  pulled: () => void,
  cancelled: (reason: unknown) => void,
): Blob {
  const blob = new Blob([]);
  Object.defineProperty(blob, "size", { value: pieces * piece.byteLength });
  blob.stream = () => {
    let left = pieces;
    return new ReadableStream({
      pull(controller): void {
        pulled();
        if (left-- > 0) controller.enqueue(piece.slice());
        else controller.close();
      },
      cancel: cancelled,
    }, { highWaterMark: 0 });
  };
  return blob;
}

it("HTTP/2 carries bodies of each kind, with their length and progress where it is known", async () => {
  const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
  const received: [body: Buffer, length: string | undefined][] = [];
  await using server = await routeServer({
    "/up": (request, socket) => {
      received.push([request.body, request.headers.get("content-length")]);
      socket.write(reply("200 OK"));
    },
  }, "h2");
  await using session = sessionOn("h2");
  const form = new FormData();
  form.append("file", new File([bytes], "f"));
  async function* generated(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 1);
    await Promise.resolve();
    yield bytes.subarray(1);
  }
  const halves = () => Readable.from([Buffer.from(bytes.subarray(0, 150_000)), Buffer.from(bytes.subarray(150_000))]);
  const once = () => new Response(bytes).body!;
  const bodies: [body: HttpMessage["requestBody"] | Blob | FormData | Readable | AsyncIterable<Uint8Array>, boolean][] =
    [
      [bytes, true],
      [new Blob([bytes]), true],
      [new File([bytes], "f"), true],
      [form, true],
      [generated(), false],
      [halves(), false],
      [once(), false],
      [once, false],
    ];
  for (const [body, hasLength] of bodies) {
    const msg = new HttpMessage("POST", `${server.origin}/up`, { body });
    const seen: number[] = [];
    msg.addEventListener("progress", (event) => {
      if (event.direction !== "upload") return;
      seen.push(event.loaded);
      assertEquals(typeof event.total, hasLength ? "number" : "object");
    });
    assertEquals(await session.sendMessage(msg), 200);
    const [sent, length] = received.at(-1)!;
    assert(sent.includes(Buffer.from(bytes)));
    assertEquals([length, seen.at(-1)], [hasLength ? String(sent.byteLength) : undefined, sent.byteLength]);
    // No piece is longer than 64 KiB, whatever the source has given.
    assert(seen.every((loaded, index) => loaded - (seen[index - 1] ?? 0) <= 65_536) && seen.length > 4);
  }
  assertEquals(server.connections, 1);
});
