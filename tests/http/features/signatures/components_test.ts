// About http/features/signatures/components.ts: the values that RFC 9421 §2 prints, and what has none.
import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import {
  componentValue,
  MessageSignatureError,
  parseComponent,
} from "../../../../http/features/signatures/components.ts";
import { type FieldLines, partsOf, type SignableRequest } from "../../../../http/features/signatures/message_parts.ts";

const types = { "example-dict": "dictionary", "example-list": "list", "example-item": "item" } as const;

function request(url = "https://www.example.com/path?param=value", headers: FieldLines = []): SignableRequest {
  return { method: "POST", url, headers };
}

function value(component: string, message: SignableRequest = request()): string {
  return componentValue(parseComponent(component), partsOf(message), types);
}

function ofFields(component: string, ...lines: [string, string][]): string {
  return value(component, request(undefined, lines));
}

describe("a component of a message", () => {
  it("is a field, without what transports may change", () => {
    assertEquals(
      ofFields("X-OWS-Header", ["x-ows-header", "  Leading and trailing whitespace.\t"]),
      "Leading and trailing whitespace.",
    );
    assertEquals(ofFields("x-folded", ["X-Folded", "Obsolete\r\n    line folding."]), "Obsolete line folding.");
    const lines: [string, string][] = [["Cache-Control", "max-age=60"], ["Cache-Control", "   must-revalidate"]];
    assertEquals(ofFields("cache-control", ...lines), "max-age=60, must-revalidate");
    assertEquals(
      ofFields("example-dict", ["Example-Dict", " a=1,    b=2;x=1;y=2,   c=(a   b   c)"]),
      "a=1,    b=2;x=1;y=2,   c=(a   b   c)",
    );
    assertEquals(ofFields("x-empty-header", ["X-Empty-Header", ""]), "");
    assertEquals(
      value("set-cookie", request(undefined, new Headers([["set-cookie", "a=1"], ["set-cookie", "b=2"]]))),
      "a=1, b=2",
    );
  });

  it("is a field in the strict form of its type, or one member", () => {
    const dictionary: [string, string] = ["Example-Dict", " a=1,    b=2;x=1;y=2,   c=(a   b    c), d"];
    assertEquals(ofFields("example-dict;sf", dictionary), "a=1, b=2;x=1;y=2, c=(a b c), d");
    assertEquals(ofFields("example-list;sf", ["Example-List", "a,  b;q=0.50 "]), "a, b;q=0.5");
    assertEquals(ofFields("example-item;sf", ["Example-Item", " 5;  unit=s "]), "5;unit=s");
    const members = { a: "1", b: "2;x=1;y=2", c: "(a b c)", d: "?1" };
    for (const [key, member] of Object.entries(members)) {
      assertEquals(ofFields(`"example-dict";key="${key}"`, dictionary), member);
    }
  });

  it("is a field as bytes, line by line", () => {
    const lines: [string, string][] = [["Example-Header", "value, with, lots"], ["Example-Header", "of, commas"]];
    assertEquals(ofFields("example-header;bs", ...lines), ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:");
    const one: [string, string] = ["Example-Header", "value, with, lots, of, commas"];
    assertEquals(ofFields("example-header;bs", one), ":dmFsdWUsIHdpdGgsIGxvdHMsIG9mLCBjb21tYXM=:");
    assertEquals(ofFields("x-name;bs", ["X-Name", "caf\u00e9"]), ":Y2Fm6Q==:");
  });

  it("is derived from the request", () => {
    const all = ["@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"];
    assertEquals(all.map((name) => value(name)), [
      ...["POST", "https://www.example.com/path?param=value", "www.example.com", "https"],
      ...["/path?param=value", "/path", "?param=value"],
    ]);
    const other = request("HTTP://user:secret@WWW.Example.com:8080/P%61th?queryString#fragment");
    assertEquals(all.slice(1).map((name) => value(name, other)), [
      ...["http://www.example.com:8080/P%61th?queryString", "www.example.com:8080", "http"],
      ...["/P%61th?queryString", "/P%61th", "?queryString"],
    ]);
    const bare = request("https://www.example.com:443");
    assertEquals(["@authority", "@path", "@query"].map((name) => value(name, bare)), ["www.example.com", "/", "?"]);
  });

  it("is one parameter of the query", () => {
    const query = request("https://www.example.com/path?param=value&foo=bar&baz=batman&qux=");
    for (const [name, expected] of [["baz", "batman"], ["qux", ""], ["param", "value"]]) {
      assertEquals(value(`"@query-param";name="${name}"`, query), expected);
    }
    const odd = request(
      "https://www.example.com/parameters?var=this%20is%20a%20big%0Amultiline%20value&" +
        "bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something&e=!'()*~",
    );
    assertEquals(value('@query-param;name="var"', odd), "this%20is%20a%20big%0Amultiline%20value");
    assertEquals(value('@query-param;name="bar"', odd), "with%20plus%20whitespace");
    assertEquals(value('@query-param;name="fa%C3%A7ade%22%3A%20"', odd), "something");
    assertEquals(value('@query-param;name="e"', odd), "%21%27%28%29*%7E");
  });

  it("is of a response, of the request it answers, or of its trailers", () => {
    const response = partsOf({ status: 503, headers: [["x", "1"]], trailers: new Headers({ x: "2" }) }, request());
    const of = (component: string) => componentValue(parseComponent(component), response);
    assertEquals(["@status", "x", "x;tr", "@method;req", '"@query-param";name="param";req'].map(of), [
      ...["503", "1", "2", "POST", "value"],
    ]);
  });

  it("has no value where the message lacks it, or has two", () => {
    const dictionary: [string, string] = ["Example-Dict", "a=("];
    const wrong: [() => string, RegExp][] = [
      [() => value("x-missing"), /has no such field/],
      [() => value("x-missing;tr"), /has no such trailer/],
      [() => value("@status"), /a request has no status/],
      [() => value("@method;req"), /only responses have a request/],
      [
        () => componentValue(parseComponent("@method;req"), partsOf({ status: 200, headers: [] })),
        /request is not known/,
      ],
      [() => componentValue(parseComponent("@method"), partsOf({ status: 200, headers: [] })), /parameter req/],
      [() => value('@query-param;name="none"'), /has no such parameter/],
      [() => value('@query-param;name="a"', request("https://x.example/?a=1&a=2")), /more than once/],
      [() => ofFields("x-other;sf", ["X-Other", "1"]), /its type is not known/],
      [() => ofFields("example-dict;sf", dictionary), /no dictionary/],
      [() => ofFields('example-dict;key="a"', dictionary), /no dictionary/],
      [() => ofFields("example-list;sf", ["Example-List", 'a;q="2.0", b;q=1.0']), /written as the integer/],
      [() => ofFields('example-dict;key="b"', ["Example-Dict", "a"]), /no such member/],
      [() => ofFields("x-name", ["X-Name", "caf\u00e9"]), /not ASCII/],
    ];
    for (const [call, text] of wrong) {
      const error = assertThrows(call, MessageSignatureError);
      assertEquals([error.reason, text.test(error.message)], ["component", true], error.message);
    }
  });

  it("is refused where there is none with this name or these parameters", () => {
    const none = [
      "@nothing",
      "@signature-params",
      "two words",
      "",
      "a;b",
      "a;sf=?0",
      "a;key",
      "a;bs;sf",
      '@method;key="a"',
    ];
    for (const text of [...none, "@query-param", "@query-param;name=a", "@method;sf", '"Upper"', "a;", "a;;"]) {
      assertThrows(() => parseComponent(text), TypeError, "Cannot", text);
    }
  });
});
