import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ContentDecoder, HarRecorder, HttpMessage, HttpSession, Logger, MockTransport } from "../../../../http/mod.ts";
import { redactAddress, redactBody, redactHeader } from "../../../../http/features/logging/redaction.ts";

const rules = { headers: new Set<string>(), parameters: new Set(["mine"]) };
const json = (text: string) => redactBody(text, "application/json", rules);

const base64 = (text: string) => btoa(text).replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_");
const references = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** Ways to write one text within another. */
const wrappers: { name: string; wrap: (text: string) => string }[] = [
  { name: "address", wrap: (text) => `https://b.example/?a=1&next=${encodeURIComponent(text)}` },
  { name: "percent", wrap: (text) => encodeURIComponent(text) },
  { name: "form", wrap: (text) => `a=1&b=${encodeURIComponent(text).replaceAll("%20", "+")}` },
  { name: "JSON", wrap: (text) => JSON.stringify({ a: [text], b: 1 }) },
  { name: "Base64", wrap: base64 },
  { name: "JSON name", wrap: (text) => JSON.stringify({ [text]: 1 }) },
  { name: "event", wrap: (text) => `event: x\ndata: ${JSON.stringify(text)}\n\n` },
  { name: "CDATA", wrap: (text) => `<a><![CDATA[${text}]]></a>` },
  {
    name: "multipart",
    wrap: (text) => {
      const boundary = `q${text.length}x`;
      return `--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n${text}\r\n--${boundary}--\r\n`;
    },
  },
  { name: "XML", wrap: (text) => `<a b="${references(text)}">c</a>` },
];
const leaves: [text: string, isSecret: boolean][] = [
  ["token=S3cr3t&a=b", true],
  ['{"password":"S3cr3t"}', true],
  ["https://me:S3cr3t@b.example/", true],
  ["<password>S3cr3t</password>", true],
  ["Authorization: Bearer S3cr3t", true],
  ['--r\r\nContent-Disposition: form-data; name="password"\r\n\r\nS3cr3t\r\n--r--\r\n', true],
  ["https://b.example/?a=b c", false],
];

/** Every chain of so many encodings and fewer; `words` are those in Base64, in which a secret could be read. */
function* nestings(
  depth: number,
): Generator<[chain: string, wrapped: (text: string) => string, words: (text: string) => string[]]> {
  yield ["", (text) => text, () => []];
  if (depth === 0) return;
  for (const { name, wrap } of wrappers) {
    for (const [chain, inner, words] of nestings(depth - 1)) {
      const wrapped = (text: string) => wrap(inner(text));
      yield [`${name} ${chain}`, wrapped, (text) => [...words(text), ...wrap === base64 ? [wrapped(text)] : []]];
    }
  }
}

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
        ['{"a":"\\"token\\":1"}', '{"a":"\\"token\\":\\"****\\""}'],
        ['{"token":S3cr3t,"a":1}', '{"token":"****","a":1}'],
        ['{"value":"S3cr3t","name":"password","x":1}', '{"value":"****","name":"password","x":1}'],
        ['{"name":"user","value":"alice"}', '{"name":"user","value":"alice"}'],
        [
          '{"headers":{"Authorization":"Bearer S3cr3t","Cookie":"S3cr3t"}}',
          '{"headers":{"Authorization":"****","Cookie":"****"}}',
        ],
        ['{"a":"{\\"token\\":\\"cut of', '{"a":"{\\"token\\":\\"****\\""'],
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
      ...[
        "--b",
        "Content-Type: multipart/mixed; boundary=c",
        "",
        "--c\r\nX-Token: S3cr3t\r\n\r\ntoken=S3cr3t\r\n--c--",
      ],
      ...[
        "--b",
        "Content-Type: application/json",
        "Content-Transfer-Encoding: base64",
        "",
        btoa('{"token": "S3cr3t"}'),
      ],
      ...["--b", "Content-Disposition: form-data;", " name=password", "", "S3cr3t"],
      ...["--b--", ""],
    ].join("\r\n");
    for (const boundary of ["b", '"b"', "b; charset=utf-8"]) {
      const shown = redactBody(body, `multipart/form-data; boundary=${boundary}`, rules);
      assert(!shown.includes("S3cr3t") && !shown.includes(btoa('{"token"').slice(0, 8)), shown);
      assert(shown.includes("alice") && shown.endsWith("--b--\r\n"), shown);
    }
    assertEquals(redactBody(body, "multipart/form-data", rules), "****");
    for (const boundary of ["other", "b-"]) {
      assert(!redactBody(body, `multipart/form-data; boundary=${boundary}`, rules).includes("S3cr3t"));
    }
    const byLineFeeds = redactBody(body.replaceAll("\r\n", "\n"), "multipart/form-data; boundary=b", rules);
    assert(!byLineFeeds.includes("S3cr3t") && byLineFeeds.includes("alice"), byLineFeeds);
    assert(!redactBody(body.slice(0, 120), "multipart/form-data; boundary=b", rules).includes("S3cr3t"));
  });

  it("hides elements and attributes of XML and HTML", () => {
    const xml = (text: string) => redactBody(text, "application/xml", rules);
    for (
      const [text, shown] of [
        [
          "<a><s:Password type='x'>S3cr3t<b>S3cr3t</b></s:Password>c</a>",
          "<a><s:Password type='x'>****</s:Password>c</a>",
        ],
        [
          '<input type="hidden" name="csrf_token" value="S3>cr3t"> b',
          '<input type="hidden" name="csrf_token" value="****"> b',
        ],
        ["<add key='apiKey' value=S3cr3t />", "<add key='apiKey' value=\"****\" />"],
        ['<param name="password">S3cr3t</param>', '<param name="password">****</param>'],
        ['<db password="S3cr3t"/>', '<db password="****"/>'],
        ["<token>S3cr", "<token>****"],
        ['<db password="S3cr', '<db password="****"'],
        ["<!-- <token>S3cr3t</token> -->", "<!-- <token>****</token> -->"],
        ['<a href="/?a=1&amp;b=2">a &lt; b</a>', '<a href="/?a=1&amp;b=2">a &lt; b</a>'],
      ]
    ) assertEquals(xml(text!), shown);
  });

  it("hides what stands in addresses and lines, in a text of any type", () => {
    for (
      const [text, shown] of [
        ["https://u:S3@cr3t@a.example/", "https://****@a.example/"],
        ["https:u:S3cr3t@a.example", "https:****@a.example"],
        ["/?next=/cb?token=S3cr3t", "/?next=/cb?token=****"],
        ["/?user[password]=S3cr3t&%2574oken=S3cr3t", "/?user[password]=****&%2574oken=****"],
        ["/?token=S3;cr3t#a", "/?token=****#a"],
        ["a;JSESSIONID=S3cr3t; b", "a;JSESSIONID=****; b"],
        ['a; token="S3 \\"cr3t"; b', "a; token=****; b"],
        ["/?a=%2F%3Ftoken%3DS3cr3t%zz", "/?a=%2F%3Ftoken%3D****"],
        [
          "GET / HTTP/1.1\r\nAuthorization: Basic S3cr3t\r\nHost: a",
          "GET / HTTP/1.1\r\nAuthorization: ****\r\nHost: a",
        ],
        ["user: alice\n- password: S3cr3t", "user: alice\n- password: ****"],
        ['data: {"token":"S3cr3t"}', 'data: {"token":"****"}'],
        ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.S3cr3t_-", "****"],
        ["\ufffdt\0o\0k\0e\0n\0=\0S\x003\0c\0r\x003\0t\0", "****"],
        ["/?a=b&c=%41%20d;e#f?g", "/?a=b&c=%41%20d;e#f?g"],
        ["https://a.example/code=1/key=2", "https://a.example/code=1/key=2"],
      ]
    ) {
      for (const type of ["text/plain", "application/json", "application/octet-stream", ""]) {
        assertEquals(redactBody(text!, type, rules), shown!);
      }
      if (!/[\r\n\0]/.test(text!)) assertEquals(redactHeader("X-Original-Url", text!, rules), shown!);
    }
  });

  it("hides what is written in other encodings, however they are nested", () => {
    for (const [chain, wrapped, words] of nestings(3)) {
      for (const [leaf, isSecret] of leaves) {
        const text = wrapped(leaf);
        const shown = redactBody(text, "text/plain", rules);
        if (!isSecret) assertEquals(shown, text, chain);
        else {assertEquals(
            [
              shown.includes("S3cr3t"),
              words(leaf).some((word) => shown.includes(word)),
            ],
            [false, false],
            `${chain}: ${shown}`,
          );}
      }
    }
    // Deeper than anybody reads, nothing is shown.
    for (const { wrap } of wrappers) {
      let text = "token=S3cr3t";
      for (let depth = 0; depth < 8; depth++) text = wrap(text);
      const shown = redactBody(text, "text/plain", rules);
      assert(!shown.includes("S3cr3t") && shown !== text, shown);
    }
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
    const text = new TextEncoder();
    for (const { wrap } of wrappers) {
      for (const [leaf] of leaves.filter(([, isSecret]) => isSecret)) {
        bodies.push(["text/plain", text.encode(wrap(leaf))]);
        bodies.push(["application/x-www-form-urlencoded", text.encode(`a=${encodeURIComponent(wrap(leaf))}`)]);
      }
    }
    bodies.push(["text/plain", new Uint8Array([...text.encode("token=S3cr3t&b="), 0xff])]);
    const lines: string[] = [];
    const har = new HarRecorder();
    const logger = new Logger({ level: "body", printer: (_level, _direction, line) => void lines.push(line) });
    const echo = new MockTransport((request) =>
      new Response(request.body, {
        status: 201,
        headers: { "content-type": request.headers.get("content-type")!, location: request.headers.get("x-url")! },
      })
    );
    await using session = new HttpSession({ features: [logger, har, echo] });
    for (const [type, body] of bodies) {
      const url = `/?a=${encodeURIComponent(new TextDecoder().decode(body))}`;
      const headers = { "content-type": type, "x-url": url };
      await session.sendMessage(new HttpMessage("POST", `http://a.example${url}`, { body, headers }));
      const shown = `${lines.splice(0).join("\n")}\n${JSON.stringify(har)}`;
      har.clear();
      assert(!shown.includes("S3cr3t") && !shown.includes(btoa("token=S3cr3t").slice(0, 12)), shown);
      assert(shown.includes("****"), shown);
    }
  });

  it("archives no body that is still encoded, unless it shows secrets", async () => {
    const body = new Uint8Array(
      await new Response(
        new Blob(['{"token":"S3cr3t"}']).stream().pipeThrough(new CompressionStream("gzip")),
      ).arrayBuffer(),
    );
    const answer = new MockTransport(() => new Response(body, { headers: { "content-encoding": "gzip" } }));
    for (const showSecrets of [false, true]) {
      const har = new HarRecorder({ showSecrets });
      await using session = new HttpSession({ features: [answer, har] });
      session.removeFeatureByType(ContentDecoder);
      await session.sendMessage(new HttpMessage("GET", "http://a.example/"));
      const { text, comment } = har.entries[0]!.response.content;
      assertEquals([text !== undefined, comment !== undefined], [showSecrets, !showSecrets]);
    }
  });
});
