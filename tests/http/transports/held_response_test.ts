// A Response whose body is in memory beside the runtime's own object is what that would be with the body in it.
import { describe, it } from "node:test";
import {
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { FetchedResponse } from "../../../http/transports/fetched_response.ts";
import { wholeResponse } from "../../../http/transports/held_response.ts";

const init = { status: 201, statusText: "Made", headers: { "content-type": "application/json" } };
const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

function held(text: string, signal: AbortSignal | null = null): FetchedResponse {
  const response = wholeResponse(bytesOf(text), init);
  return FetchedResponse.place(response, { url: "http://host/path", redirected: true, signal });
}

const ways = ["text", "json", "bytes", "arrayBuffer", "blob"] as const;

describe("a response whose whole body is in memory", () => {
  it("is read once, whatever way, and then used", async () => {
    for (const way of ways) {
      const response = held('{"a":1}');
      assertFalse(response.bodyUsed);
      const read = response[way]();
      assertEquals(response.bodyUsed, true, way);
      await read;
      for (const again of ways) await assertRejects(() => response[again](), TypeError);
      assertThrows(() => response.clone(), TypeError);
      assertInstanceOf(response.body, ReadableStream);
    }
  });

  it("reads as the runtime's own does", async () => {
    for (const text of ["", "plain", "\ufeffmarked", '{"a":[1,"ä"]}', "\u0000"]) {
      const own = () => new Response(bytesOf(text), init);
      assertEquals(await held(text).text(), await own().text());
      assertEquals(await held(text).bytes(), bytesOf(text));
      assertEquals(new Uint8Array(await held(text).arrayBuffer()), bytesOf(text));
      const [blob, other] = [await held(text).blob(), await own().blob()];
      assertEquals([blob.type, await blob.text()], [other.type, await other.text()]);
      const [ours, theirs] = await Promise.allSettled([held(text).json(), own().json()]);
      assertEquals(ours.status, theirs.status, text);
      if (ours.status === "rejected") assertInstanceOf(ours.reason, SyntaxError);
      else assertEquals(ours.value, (theirs as PromiseFulfilledResult<unknown>).value);
    }
    assertEquals(
      await new Response(Uint8Array.of(0xff, 0x41)).text(),
      await wholeResponse(Uint8Array.of(0xff, 0x41), {}).text(),
    );
  });

  it("is read by its stream, which is one and the same, or in two by a clone", async () => {
    const response = held("some text");
    assertStrictEquals(response.body, response.body);
    assertEquals([response.bodyUsed, await new Response(response.body).text(), response.bodyUsed], [
      false,
      "some text",
      true,
    ]);
    await assertRejects(() => response.text(), TypeError);
    const locked = held("some text");
    const reader = locked.body!.getReader({ mode: "byob" });
    await assertRejects(() => locked.text(), TypeError);
    assertEquals((await reader.read(new Uint8Array(20))).value, bytesOf("some text"));
    const first = held("some text");
    const second = first.clone();
    assertEquals(await Promise.all([first.text(), second.text()]), ["some text", "some text"]);
    for (const { status, statusText, headers, url, redirected, type } of [first, second]) {
      const seen = [status, statusText, headers.get("content-type"), url, redirected, type];
      assertEquals(seen, [201, "Made", "application/json", "http://host/path", true, "basic"]);
    }
  });

  it("has a body of its own, whatever becomes of the bytes it was made of", async () => {
    const bytes = bytesOf("kept");
    const response = wholeResponse(bytes, init);
    bytes.fill(0);
    const given = await response.bytes();
    assertEquals(given, bytesOf("kept"));
    assertEquals(given.buffer.byteLength, 4);
  });

  it("is refused once its signal is aborted, unless it was read before", async () => {
    const controller = new AbortController();
    const [read, unread] = [held("text", controller.signal), held("text", controller.signal)];
    await read.text();
    const reason = new Error("no longer needed");
    controller.abort(reason);
    for (const way of ways) {
      assertStrictEquals(await assertRejects(() => unread[way]()), reason);
      await assertRejects(() => read[way](), TypeError);
    }
  });

  it("shows itself as a Response", () => {
    const response = held("text");
    assertInstanceOf(response, Response);
    assertEquals([Object.prototype.toString.call(response), response.constructor.name], [
      "[object Response]",
      "Response",
    ]);
  });
});
