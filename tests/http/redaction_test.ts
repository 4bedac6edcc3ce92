import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { HarRecorder, HttpMessage, HttpSession, Logger, MockTransport } from "../../http/mod.ts";
import { redactAddress, redactBody, redactHeader } from "../../http/logging/redaction.ts";

const rules = { headers: new Set<string>(), parameters: new Set(["mine"]) };
const json = (text: string) => redactBody(text, "application/json", rules);

describe("What logs and archives show", () => {
  it("hides members of JSON, whatever their value and however their name is written", () => {
    for (
      const [text, shown] of [
        ['{"token":["S3cr3t"],"a":1}', '{"token":"****","a":1}'],
        ['{"password" : {"value":"S3cr3t","x":{"}":"]"}}, "b":[2]}', '{"password" : "****", "b":[2]}'],
        ['{"pass\\u0077ord":"S3cr3t"}', '{"pass\\u0077ord":"****"}'],
        ['{"accessToken":-1.5e3}', '{"accessToken":"****"}'],
        ['{"a":{"b":[{"secret":"S3cr3t"}]}}', '{"a":{"b":[{"secret":"****"}]}}'],
        ['{"a":"token","token":null}', '{"a":"token","token":null}'],
        ['{"a":"\\"token\\":1"}', '{"a":"\\"token\\":1"}'],
        ['{"token":"cut o', '{"token":"****"'],
        ['{"token":["cut', '{"token":"****"'],
        ['{"token":"a"}\n{"token":"b"}', '{"token":"****"}\n{"token":"****"}'],
        ['{"mine":"S3cr3t"}', '{"mine":"****"}'],
      ]
    ) assertEquals(json(text!), shown);
  });

  it("hides fields of forms, percent-encoded or multipart", () => {
    const form = (text: string) => redactBody(text, "application/x-www-form-urlencoded", rules);
    assertEquals(form("a=1&pass%77ord=S3cr3t&%74oken=S3cr3t"), "a=1&pass%77ord=****&%74oken=****");
    const body = [
      ...["--b", 'Content-Disposition: form-data; name="user"', "", "alice"],
      ...["--b", "content-disposition: form-data; name=password", "", "S3cr3t", "S3cr3t"],
      ...[
        "--b",
        'Content-Disposition: form-data; name="data"',
        "Content-Type: application/json",
        "",
        '{"token":["S3cr3t"]}',
      ],
      ...["--b", "X-Api-Key: S3cr3t", "", "x"],
      ...["--b", "Content-Type: multipart/mixed; boundary=c", "", "--c\r\n\r\nS3cr3t\r\n--c--"],
      ...["--b--", ""],
    ].join("\r\n");
    for (const boundary of ["b", '"b"', "b; charset=utf-8"]) {
      const shown = redactBody(body, `multipart/form-data; boundary=${boundary}`, rules);
      assert(!shown.includes("S3cr3t"), shown);
      assert(shown.includes("alice") && shown.endsWith("--b--\r\n"), shown);
    }
    assertEquals(redactBody(body, "multipart/form-data", rules), "****");
    assert(!redactBody(body.slice(0, 120), "multipart/form-data; boundary=b", rules).includes("S3cr3t"));
  });

  it("hides what signs and authorizes", () => {
    for (
      const name of [
        "X-Goog-Signature",
        "X-Amz-Signature",
        "X-Goog-Credential",
        "X-Amz-Security-Token",
        "sig",
        "access%5Ftoken",
      ]
    ) {
      assertEquals(redactAddress(`https://a.example/?${name}=S3cr3t`, rules), `https://a.example/?${name}=****`);
    }
    assertEquals(redactHeader("X-Auth", "S3cr3t", rules), "****");
    assertEquals(redactHeader("X-Authorization", "Bearer S3cr3t", rules), "Bearer ****");
  });

  it("is the same in the log and in the archive", async () => {
    const form = new FormData();
    form.set("password", "S3cr3t");
    const multipart = new Response(form);
    const bodies: [string, Uint8Array<ArrayBuffer>][] = [
      [multipart.headers.get("content-type")!, new Uint8Array(await multipart.arrayBuffer())],
      ["application/json", new TextEncoder().encode('{"token":["S3cr3t"]}')],
    ];
    for (const [type, body] of bodies) {
      const lines: string[] = [];
      const har = new HarRecorder();
      const logger = new Logger({ level: "body", printer: (_level, _direction, line) => void lines.push(line) });
      const echo = new MockTransport(() => new Response(body, { headers: { "content-type": type } }));
      await using session = new HttpSession({ features: [logger, har, echo] });
      await session.sendMessage(
        new HttpMessage("POST", "http://a.example/", { body, headers: { "content-type": type } }),
      );
      assert(!lines.join("\n").includes("S3cr3t"), lines.join("\n"));
      assert(!JSON.stringify(har).includes("S3cr3t"));
    }
  });
});
