// Header fields that cannot be sent are refused without showing what may be secret.
import { assertEquals, assertFalse, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { HttpMessage, HttpSession } from "../../../http/mod.ts";
import { routeServer } from "../../_support/http_server.ts";

/** What a call throws or rejects with. */
async function failure(call: () => unknown): Promise<Error> {
  const error = await Promise.resolve().then(call).then(() => null, (thrown: unknown) => thrown);
  assertInstanceOf(error, TypeError);
  return error;
}

describe("header fields of the caller", () => {
  const url = "http://127.0.0.1:1/";

  it("with CR, LF, NUL or characters beyond Latin-1 are refused by name, the value is not shown", async () => {
    await using session = new HttpSession();
    for (const value of ["secret\r\nx: y", "secret\0", "secret\u20ac"]) {
      const forms: HeadersInit[] = [{ authorization: value }, [["accept", "*/*"], ["authorization", value]]];
      for (const headers of forms) {
        for (
          const error of [
            await failure(() => session.fetch(url, { headers })),
            await failure(() => new HttpMessage("GET", url, { headers })),
          ]
        ) {
          assertStringIncludes(error.message, "Cannot send the header");
          assertFalse(error.message.includes("secret"), error.message);
          assertEquals(error.cause, undefined);
        }
      }
    }
  });

  it("with a name that is no token are refused by that name", async () => {
    const { message } = await failure(() => new HttpMessage("GET", url, { headers: { "a b": "secret" } }));
    assertStringIncludes(message, '"a b"');
    assertFalse(message.includes("secret"));
  });

  it("that are no pairs are refused", async () => {
    await failure(() => new HttpMessage("GET", url, { headers: [["lonely"]] as unknown as HeadersInit }));
  });

  it("that have one name in several spellings go as one field in the first", async () => {
    const names: string[] = [];
    const server = createServer((request, response) => {
      names.push(...request.rawHeaders.filter((each) => each.toLowerCase() === "this-is-a-test"));
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await using session = new HttpSession();
    const headers: [string, string][] = [["THIS-is-A-test", "1"], ["THIS-IS-A-TEST", "2"]];
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await (await session.fetch(origin, { headers })).text();
    await session.sendMessage(new HttpMessage("GET", origin, { headers }));
    await session.close();
    server.close();
    assertEquals(names, ["THIS-is-A-test", "THIS-is-A-test"]);
  });

  it("that are several cookies go as one field with semicolons", async () => {
    await using server = await routeServer();
    await using session = new HttpSession();
    const headers: [string, string][] = [["Cookie", "a=1; b=2"], ["accept", "*/*"], ["cookie", " c=3"]];
    await (await session.fetch(`${server.origin}/ok`, { headers })).text();
    await session.sendMessage(new HttpMessage("GET", `${server.origin}/ok`, { headers }));
    assertEquals(server.requests.map((request) => request.headers.get("cookie")), Array(2).fill("a=1; b=2; c=3"));
  });
});
