// Bodies made by libraries: their own forms, streams that only flow, and objects that are no body at all.
import { Stream } from "node:stream";
import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { HttpMessage, HttpStatus } from "../../../http/mod.ts";
import { serverOn } from "../../_support/http_server.ts";
import { sessionOn, transportsWithHttp2, until, wait } from "../../_support/http_sessions.ts";
import { reply, type Responder } from "../../_support/socket_server.ts";

const ok: Responder = (_request, socket) => socket.write(reply("200 OK", "ok"));

/** A form as undici has it: no FormData of the runtime, with files that are no Blobs of the runtime. */
function foreignForm(): unknown {
  const file = { name: "a.txt", type: "text/plain", size: 5, stream: () => new Blob(["hello"]).stream() };
  const entries = () => [["a", "1"], ["f", file]][Symbol.iterator]();
  return { [Symbol.toStringTag]: "FormData", entries };
}

/** A stream of Node's first kind with fields, as npm's form-data is: it begins to flow when it is piped. */
class FlowingForm extends Stream {
  declare destroyed?: boolean;
  readonly #pieces: readonly string[];

  constructor(pieces: readonly string[]) {
    super();
    this.#pieces = pieces;
  }

  getHeaders(): Record<string, string> {
    return { "content-type": "multipart/form-data; boundary=x" };
  }

  hasKnownLength(): boolean {
    return true;
  }

  getLengthSync(): number {
    return this.#pieces.join("").length;
  }

  override pipe<T extends NodeJS.WritableStream>(target: T): T {
    super.pipe(target);
    for (const piece of this.#pieces) this.emit("data", new TextEncoder().encode(piece));
    this.emit("end");
    return target;
  }

  destroy(): void {
    this.destroyed = true;
  }

  override toString(): string {
    return "[object FormData]";
  }
}

for (const transport of transportsWithHttp2) {
  describe(`bodies that libraries make on ${transport}`, () => {
    it("are forms of their own", async () => {
      await using server = await serverOn(transport, ok);
      await using session = sessionOn(transport);
      assertEquals(
        (await session.fetch(`${server.origin}/`, { method: "POST", body: foreignForm() as FormData })).status,
        200,
      );
      const { body, headers } = server.requests.at(-1)!;
      const boundary = /^multipart\/form-data; boundary=(\S+)$/.exec(headers.get("content-type")!)![1]!;
      const text = body.toString("latin1");
      assertEquals(headers.get("content-length"), `${body.length}`);
      assertEquals(text.split(`--${boundary}`).length, 4);
      assertStringIncludes(text, 'name="a"\r\n\r\n1\r\n');
      assertStringIncludes(text, 'name="f"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nhello\r\n');
    });

    it("are streams that only flow, with the type they name", async () => {
      await using server = await serverOn(transport, ok);
      await using session = sessionOn(transport);
      const body = new FlowingForm(["one ", "two"]) as unknown as FormData;
      await session.fetch(`${server.origin}/`, { method: "POST", body, duplex: "half" });
      const msg = new HttpMessage("POST", `${server.origin}/`, {
        body: new FlowingForm(["one ", "two"]) as unknown as FormData,
      });
      assertEquals(msg.requestBodyLength, 7);
      assertEquals(await session.sendMessage(msg), HttpStatus.OK);
      for (const { body, headers } of server.requests) {
        assertEquals([body.toString("latin1"), headers.get("content-type")], [
          "one two",
          "multipart/form-data; boundary=x",
        ]);
      }
    });

    it("flow once: another time they are refused, as they would never end", async () => {
      await using server = await serverOn(transport, ok);
      await using session = sessionOn(transport);
      const send = (form: FlowingForm, duplex?: "half") =>
        session.fetch(`${server.origin}/`, { method: "POST", body: form as unknown as FormData, duplex });
      const form = new FlowingForm(["one"]);
      await assertRejects(() => send(form), TypeError, "duplex");
      const [first, second] = await Promise.allSettled([send(form, "half"), send(form, "half")]);
      assertEquals([first.status, second.status], ["fulfilled", "rejected"]);
      await assertRejects(() => send(form, "half"), TypeError, "read already");
      const piped = Object.assign(new FlowingForm(["one"]), { _released: true });
      await assertRejects(() => send(piped, "half"), TypeError, "read already");
    });

    it("end a fetch with the error of such a stream, also an early one, and are ended with the fetch", async () => {
      await using server = await serverOn(transport, ok);
      await using session = sessionOn(transport);
      const failing = new FlowingForm([]);
      const sending = session.fetch(`${server.origin}/`, {
        method: "POST",
        body: failing as unknown as FormData,
        duplex: "half",
      });
      failing.emit("error", new Error("gone early"));
      await assertRejects(() => sending, TypeError, "gone early");
      const left = new FlowingForm(["more"]);
      left.pipe = (target) => target; // gives nothing
      const controller = new AbortController();
      const waiting = session.fetch(`${server.origin}/`, {
        method: "POST",
        body: left as unknown as FormData,
        duplex: "half",
        signal: controller.signal,
      });
      await wait(20);
      controller.abort(new Error("enough"));
      await assertRejects(() => waiting, Error, "enough");
      await until(() => left.destroyed === true);
    });

    it("are none that would go out as the name of an object", async () => {
      await using server = await serverOn(transport, ok);
      await using session = sessionOn(transport);
      const post = (body: unknown) => session.fetch(`${server.origin}/`, { method: "POST", body: body as BodyInit });
      for (const body of [{ a: 1 }, new Map(), { [Symbol.toStringTag]: "FormData" }]) {
        await assertRejects(() => post(body), TypeError, "Cannot fetch: the body is an object that would be sent as");
      }
      for (const body of [new URL("http://a.test/"), [1, 2], 7, "[object Object]", { toString: () => "own" }]) {
        await post(body);
      }
      assertEquals(server.requests.map(({ body }) => body.toString("latin1")), [
        "http://a.test/",
        "1,2",
        "7",
        "[object Object]",
        "own",
      ]);
    });
  });
}
