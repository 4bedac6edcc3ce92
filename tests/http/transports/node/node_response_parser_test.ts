import { Buffer } from "node:buffer";
import { assert, assertEquals, assertIsError, assertStringIncludes } from "@std/assert";
import { describe, it } from "node:test";
import {
  MalformedResponseError,
  ResponseLimitError,
  TruncatedResponseError,
} from "../../../../http/transports/node/node_response_grammar.ts";
import {
  type HeaderField,
  KnownLines,
  type ResponseHead,
} from "../../../../http/transports/node/node_response_head.ts";
import { ResponseParser } from "../../../../http/transports/node/node_response_parser.ts";
import { assertLinear } from "../../../_support/growth.ts";

interface Parsed {
  informational: number[];
  head: ResponseHead | null;
  body: string;
  trailers: HeaderField[] | null;
  persistent: boolean;
  surplus: number;
}

interface ParseOptions {
  size?: number;
  method?: string;
  maxHeaderBytes?: number;
  known?: KnownLines;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Parses a text in pieces of the given size, then ends the stream unless the response is complete. */
function parse(
  text: string,
  { size = Infinity, method = "GET", maxHeaderBytes = 4096, known }: ParseOptions = {},
): Parsed {
  const parsed: Parsed = { informational: [], head: null, body: "", trailers: null, persistent: false, surplus: 0 };
  const parser = new ResponseParser({
    onInformational: (head) => parsed.informational.push(head.statusCode),
    onHead: (head) => parsed.head = head,
    onData: (chunk) => parsed.body += String.fromCharCode(...chunk),
    onEnd: (trailers) => parsed.trailers = trailers,
  }, { method, maxHeaderBytes, known });
  const bytes = bytesOf(text);
  for (let offset = 0; offset < bytes.byteLength && !parser.done; offset += size) {
    parsed.surplus = parser.push(bytes.subarray(offset, Math.min(bytes.byteLength, offset + size)));
  }
  parser.end();
  parsed.persistent = parser.persistent;
  return parsed;
}

function failure(text: string, options?: Parameters<typeof parse>[1]): Error {
  try {
    parse(text, options);
  } catch (error) {
    assert(error instanceof Error);
    return error;
  }
  throw new Error(`${JSON.stringify(text.slice(0, 60))} was accepted`);
}

const OK = "HTTP/1.1 200 OK\r\n";

describe("ResponseParser", () => {
  it("gives the same result however the bytes are cut", () => {
    const texts = [
      `${OK}Content-Length: 5\r\nX: y\r\n\r\nhello`,
      `\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n${OK}Content-Length: 0\r\n\r\n`,
      `${OK}Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n00006 \r\n world\r\n0\r\nX-T: 1\r\n\r\n`,
      "HTTP/1.0 404\nServer: old\nX: folded\n  value\n\nuntil the end",
      "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
    ];
    for (const text of texts) {
      const whole = parse(text);
      assert(whole.head !== null && whole.trailers !== null);
      for (let size = 1; size < text.length; size++) assertEquals(parse(text, { size }), whole);
    }
  });

  it("decodes header fields as Latin-1, trims them and joins folded lines", () => {
    const { head } = parse(
      `${OK}A: \t caf\u00e9 \t\r\nB:\r\nC: one\r\n\t two\r\n \r\n  three \r\nContent-Length: 0\r\n\r\n`,
    );
    assertEquals(head?.headers, [["A", "caf\u00e9"], ["B", ""], ["C", "one two three"], ["Content-Length", "0"]]);
  });

  it("follows RFC 9112 on when a connection may carry another request", () => {
    const length = "Content-Length: 0\r\n\r\n";
    const chunked = "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    const cases: [string, boolean][] = [
      [`${OK}${length}`, true],
      [`${OK}Connection: close\r\n${length}`, false],
      [`${OK}Connection: foo, Close\r\n${length}`, false],
      [`HTTP/1.0 200 OK\r\n${length}`, false],
      [`HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n${length}`, true],
      [`${OK}${chunked}`, true],
      [`HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n${chunked}`, false],
      [`${OK}Content-Length: 9\r\n${chunked}`, false],
      [`${OK}\r\nbody`, false],
      ["HTTP/1.1 101 Switching Protocols\r\n\r\n", false],
    ];
    for (const [text, persistent] of cases) assertEquals(parse(text).persistent, persistent, text);
  });

  it("knows responses without a body, whatever their header says", () => {
    const text = `${OK}Content-Length: 5\r\n\r\n`;
    assertEquals(parse(text, { method: "HEAD" }).body, "");
    assertEquals(parse(text, { method: "CONNECT" }).body, "");
    assertEquals(parse("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n").body, "");
  });

  it("accepts repeated equal lengths and refuses contradictory ones", () => {
    assertEquals(parse(`${OK}Content-Length: 2, 2\r\nContent-Length: 2\r\n\r\nab`).body, "ab");
    for (const value of ["", ",", "2, 3", "-1", "+2", "0x2", "2.0", "1e1", "99999999999999999999", "2 2"]) {
      assertIsError(failure(`${OK}Content-Length: ${value}\r\n\r\nab`), MalformedResponseError, "Content-Length");
    }
    assertIsError(failure(`${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nab`), MalformedResponseError);
  });

  it("refuses what is not HTTP/1.x at its first bytes", () => {
    const texts = [
      "SSH-2.0-OpenSSH\r\n",
      "<html>",
      "HTTP/2 200\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 0200 OK\r\n\r\n",
    ];
    for (
      const text of [
        ...texts,
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 200OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "\u0015\u0003\u0001",
      ]
    ) {
      assertIsError(failure(text), MalformedResponseError, "not HTTP");
    }
  });

  it("refuses header lines that could mean two things", () => {
    const lines = [
      "no colon",
      ": empty",
      "A : 1",
      "A\0: 1",
      "A: 1\0",
      "A: 1\rB: 2",
      "(: 1",
      "\u00e9: 1",
      " folded: first",
    ];
    for (const line of lines) {
      assertIsError(failure(`${OK}${line}\r\n\r\n`), MalformedResponseError);
    }
  });

  it("refuses broken chunks and codings nobody asked for", () => {
    const chunked = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
    const bodies = [
      "x\r\n",
      "-1\r\n",
      "5 5\r\nhello\r\n",
      "3\r\nabcd\r\n",
      "3\r\nabc\rx",
      "3\nabc\r\n0\r\n\r\n",
      "3;a=b\nabc\r\n0\r\n\r\n",
      "3\r\nabc\n0\r\n\r\n",
      "3\r\nabc\r\n0\n\r\n",
      "\r\n",
      "ffffffffffffffff\r\n",
      `1${";".repeat(5000)}`,
    ];
    for (const body of bodies) assertIsError(failure(chunked + body), MalformedResponseError);
    assertIsError(failure(`${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`), MalformedResponseError, "gzip");
    assertIsError(failure(`${OK}Transfer-Encoding: chunked, chunked\r\n\r\n`), MalformedResponseError);
    // White space around a value is SP and TAB (RFC 9110 §5.6.3); what JavaScript trims besides is part of it.
    for (const blank of ["\v", "\f", "\xa0"]) {
      assertIsError(failure(`${OK}Transfer-Encoding: ${blank}chunked\r\n\r\n0\r\n\r\n`), MalformedResponseError);
      assertIsError(failure(`${OK}Content-Length: ${blank}1\r\n\r\na`), MalformedResponseError);
    }
    assertEquals(parse(`${OK}Transfer-Encoding:\t chunked \t\r\n\r\n1\r\na\r\n0\r\n\r\n`).body, "a");
  });

  it("refuses control characters in a reason phrase", () => {
    for (const character of ["\0", "\x07", "\x0b", "\x1b", "\x7f"]) {
      assertIsError(failure(`HTTP/1.1 200 O${character}K\r\nContent-Length: 0\r\n\r\n`), MalformedResponseError);
    }
    assertEquals(parse("HTTP/1.1 200 \tfein\te\xe9\r\nContent-Length: 0\r\n\r\n").head?.reasonPhrase, "fein\te\xe9");
  });

  it("tells where the connection ended", () => {
    const cases: [string, string][] = [
      ["", "without answering"],
      ["HTT", "inside its header"],
      [`${OK}A: b\r\n`, "inside its header"],
      ["HTTP/1.1 100 Continue\r\n\r\n", "inside its header"],
      [`${OK}Content-Length: 3\r\n\r\nab`, "inside its body"],
      [`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`, "inside its body"],
      [`${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n`, "inside its body"],
    ];
    for (const [text, where] of cases) assertIsError(failure(text), TruncatedResponseError, where);
  });

  it("holds to its limits for headers, trailers and informational responses", () => {
    const long = `X: ${"y".repeat(5000)}\r\n`;
    assertIsError(failure(OK + long), ResponseLimitError, "4096 bytes");
    assertIsError(failure(OK + long, { size: 7 }), ResponseLimitError, "4096 bytes");
    assertIsError(failure(OK + "X: y\r\n".repeat(1000)), ResponseLimitError);
    assertIsError(failure(`${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n${long}`), ResponseLimitError);
    assertIsError(failure("HTTP/1.1 102 P\r\n\r\n".repeat(100)), ResponseLimitError, "informational");
    assertEquals(parse(`${OK}X: ${"y".repeat(4000)}\r\nContent-Length: 0\r\n\r\n`).head?.headers.length, 2);
  });

  it("gives pieces of a Buffer, short or long, as they came", () => {
    for (const length of [1, 900, 2000]) {
      const pieces: Uint8Array[] = [];
      const parser = new ResponseParser({
        onInformational() {},
        onHead() {},
        onData: (chunk) => void pieces.push(chunk),
        onEnd() {},
      }, { method: "GET", maxHeaderBytes: 4096 });
      const body = Array.from({ length }, (_, index) => String.fromCharCode(index & 0xff)).join("");
      const text = `${OK}Content-Length: ${2 * length}\r\n\r\n${body}`;
      for (const part of [text, body]) parser.push(Buffer.from(part, "latin1"));
      assertEquals(pieces.map((piece) => Buffer.from(piece).toString("latin1")), [body, body]);
      assert(parser.done);
    }
  });

  it("counts what follows the response as surplus", () => {
    assertEquals(parse(`${OK}Content-Length: 1\r\n\r\nabc`).surplus, 2);
  });

  it("gives the same result whatever the connection remembers of responses before", () => {
    const known = new KnownLines();
    const endings = "Content-Length: 0\r\n\r\n";
    const sections = [
      `${OK}Server: a\r\nX: 1\r\n${endings}`,
      `${OK}Server: a\r\nX: 1\r\n${endings}`,
      `${OK}Server: a\r\nX: 1\r\n  folded\r\n${endings}`,
      `${OK}Server: a\r\nX: 1\r\n${endings}`,
      `${OK}Server: a\nX: 1\n${endings}`,
      `${OK}Server: ab\r\nX: 12\r\nY:\r\n${endings}`,
      `${OK}${endings}`,
      `${OK}X: 1\r\nServer: a\r\nSERVER: a\r\n${endings}`,
      `${OK}Server: a\r\nX: ${"y".repeat(3900)}\r\n${endings}`,
      `${OK}Server: a\r\nX: 1\r\n${endings}`,
    ];
    const told = (text: string, options?: ParseOptions) => {
      const { head, ...parsed } = parse(text, options);
      const { headers, httpVersion, reasonPhrase, statusCode } = head!;
      return { ...parsed, head: { headers, httpVersion, reasonPhrase, statusCode } };
    };
    for (const section of sections) {
      // Three times, the third one behind an empty line, and byte by byte: a section that has come twice is looked for.
      for (const text of [section, section, `\r\n${section}surplus`]) {
        assertEquals(told(text, { known }), told(text), JSON.stringify(text.slice(0, 60)));
        assertEquals(told(text, { known, size: 1 }), told(text, { size: 1 }), JSON.stringify(text.slice(0, 60)));
      }
    }
    const once = `${OK}Server: a\r\n${endings}`;
    for (const text of [once, once, once]) assertEquals(told(text, { known }), told(text));
    for (let length = 1; length < once.length; length++) {
      assertIsError(failure(once.slice(0, length), { known }), TruncatedResponseError);
      assertEquals(told(once, { known }).head, told(once).head);
    }
    const bad = [`${OK}Server: a\r\n: 1\r\n\r\n`, `${OK}Server: a\r\nX: 1\0\r\n\r\n`, `${OK}Server: a\rX: 1\r\n\r\n`];
    for (const section of bad) assertIsError(failure(section, { known }), MalformedResponseError);
    const before = known.lines.length;
    parse(`${OK}${"X: y\r\n".repeat(700)}${endings}`, { known, maxHeaderBytes: 10_000 });
    assertEquals(known.lines.length, before);
  });

  it("takes time in proportion to hostile headers", () => {
    const maxHeaderBytes = 1 << 20;
    const hostile = [
      (size: number) => `${OK}X: a${" ".repeat(size)}b\r\n`,
      (size: number) => `${OK}X: a\r\n${` b${" ".repeat(900)}c\r\n`.repeat(size / 900)}`,
    ];
    for (const make of hostile) {
      assertLinear((size) => {
        const text = make(size);
        assertStringIncludes(failure(text, { maxHeaderBytes }).message, "inside its header");
        assertEquals(parse(`${text}Content-Length: 0\r\n\r\n`, { maxHeaderBytes }).body, "");
      }, 500_000);
    }
    assertIsError(
      failure(`${OK}${"a:\r\n".repeat(100_000)}\r\n`, { maxHeaderBytes }),
      ResponseLimitError,
      "header lines",
    );
    assertLinear((size) => {
      assertIsError(failure(`${OK}X: ${"y".repeat(size)}`, { size: 1, maxHeaderBytes }), TruncatedResponseError);
    }, 200_000);
  });

  it("either parses or refuses whatever bytes come, and never reads past the end", () => {
    let state = 12345;
    const random = (below: number) => (state = (state * 1103515245 + 12345) % 2147483648) % below;
    const seeds = [
      `${OK}Content-Length: 5\r\nX: y\r\n\r\nhello`,
      `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n`,
      "HTTP/1.1 103 H\r\nA: b\r\n\r\nHTTP/1.0 200\r\n\r\nx",
    ];
    for (let round = 0; round < 3000; round++) {
      const bytes = bytesOf(seeds[round % seeds.length]!);
      for (let change = random(4); change >= 0; change--) bytes[random(bytes.byteLength)] = random(256);
      const text = String.fromCharCode(...bytes);
      try {
        parse(text, { size: 1 + random(12) });
      } catch (error) {
        assert(error instanceof MalformedResponseError || error instanceof TruncatedResponseError, String(error));
      }
    }
  });
});
