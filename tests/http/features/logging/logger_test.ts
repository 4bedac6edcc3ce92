import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { gzipSync } from "node:zlib";
import { Logger, type LoggerLevel, type LoggerOptions } from "../../../../http/features/logging/logger.ts";
import { redactAddress, redactBody, redactHeader } from "../../../../http/features/logging/redaction.ts";
import { ask, bytesReply, featureBench, TRANSPORTS, WAYS } from "../../../_support/feature_session.ts";
import { Retry } from "../../../../http/features/retry.ts";
import { until } from "../../../_support/http_sessions.ts";
import { SeededRandom } from "../../../_support/random.ts";
import { reply } from "../../../_support/socket_server.ts";

interface Log {
  lines: string[];
  levels: Set<LoggerLevel>;
  logger: Logger;
}

/** A logger whose lines can be compared: times are replaced. */
function logInto(options: LoggerOptions): Log {
  const lines: string[] = [];
  const levels = new Set<LoggerLevel>();
  const logger = new Logger({
    ...options,
    printer(level, direction, line) {
      levels.add(level);
      lines.push(`${direction} ${line.replace(/(Timestamp: )\d+$/, "$1T")}`);
    },
  });
  return { lines, levels, logger };
}

describe("Logger", () => {
  for (const transport of TRANSPORTS) {
    for (const way of WAYS) {
      const on = `over ${transport} through ${way}`;

      it(`writes a request and its response in the layout of SoupLogger ${on}`, async () => {
        const { lines, levels, logger } = logInto({ level: "body" });
        await using bench = await featureBench((_request, socket) => {
          const body = gzipSync("hello\nworld\n");
          socket.write(bytesReply("200 Fine", body, ["Content-Encoding: gzip", "Set-Cookie: sid=secret; Path=/"]));
        }, { transport, features: [logger] });
        const { text } = await ask(bench.session, way, `${bench.url}p?q=1&token=secret`, {
          method: "POST",
          body: "line1\nline2",
          headers: { authorization: `Basic ${btoa("user:pass")}`, cookie: "a=secret; b=secret" },
        });
        assertEquals(text, "hello\nworld\n");
        const host = new URL(bench.url).host;
        assertEquals(lines.slice(0, 4), [
          "> POST /p?q=1&token=**** HTTP/1.1",
          "> Soup-Debug-Timestamp: T",
          "> Soup-Debug: SoupSession 1, SoupMessage 1, GSocket 1",
          `> Soup-Host: ${host}`,
        ]);
        assert(lines.includes("> Authorization: Basic [user:****]"));
        assert(lines.includes("> Cookie: a=****; b=****"));
        const response = lines.findIndex((line) => line.startsWith("< HTTP/1.1 200"));
        assertEquals(lines.slice(response - 4, response), ["> ", "> line1", "> line2", "  "]);
        assertEquals(lines.slice(response + 1, response + 3), [
          "< Soup-Debug-Timestamp: T",
          "< Soup-Debug: SoupMessage 1",
        ]);
        assert(lines.includes("< Set-Cookie: sid=****; Path=/"));
        assertEquals(lines.slice(-4), ["< ", "< hello", "< world", "  "]);
        assert(!lines.join("\n").includes("secret"), lines.join("\n"));
        assertEquals([...levels].sort(), ["body", "headers", "minimal"]);
      });

      it(`follows redirects and failures ${on}`, async () => {
        const { lines, logger } = logInto({ level: "minimal" });
        await using bench = await featureBench((request, socket) => {
          if (request.target === "/") socket.write(reply("302 Found", "", ["Location: /next?code=secret"]));
          else if (request.target === "/lost") socket.destroy();
          else socket.write(reply("204 No Content"));
        }, { transport, features: [logger] });
        await ask(bench.session, way, bench.url);
        assertEquals(
          lines.filter((line) => !line.includes("Timestamp")).map((line) => line.replace(/GSocket \d+/, "GSocket N")),
          [
            "> GET / HTTP/1.1",
            "> Soup-Debug: SoupSession 1, SoupMessage 1, GSocket N",
            "  ",
            `< HTTP/1.1 302 Found`,
            "< Soup-Debug: SoupMessage 1",
            "  ",
            "> GET /next?code=**** HTTP/1.1",
            "> Soup-Debug: SoupSession 1, SoupMessage 1, GSocket N, restarted",
            "  ",
            "< HTTP/1.1 204 No Content",
            "< Soup-Debug: SoupMessage 1",
            "  ",
          ],
        );
        lines.length = 0;
        await ask(bench.session, way, `${bench.url}lost`, { method: "POST" });
        assert(lines[0]!.startsWith("> POST /lost"));
        assert(lines.some((line) => /^< HTTP\/1\.1 [78] \S/.test(line)), lines.join("\n"));
      });
    }
  }

  for (const transport of TRANSPORTS) {
    it(`writes responses that are not the last ones, whoever repeats the message before it looks, over ${transport}`, async () => {
      const { lines, logger } = logInto({ level: "headers" });
      const retry = new Retry({ baseDelay: 0 });
      await using bench = await featureBench((request, socket) => {
        const isFirst = bench.server.requests.filter(({ target }) => target === request.target).length === 1;
        if (!isFirst) socket.write(reply("200 OK"));
        else if (request.target === "/lost") socket.destroy();
        else socket.write(reply("503 Busy", "x".repeat(100_000), ["X-Try: 1"]));
      }, { transport, features: [retry, logger] });
      const statuses = () => lines.flatMap((line) => /^< HTTP\/1\.1 (\d+)/.exec(line)?.[1] ?? []);
      await ask(bench.session, "queue", `${bench.url}lost`);
      assertEquals(statuses().at(-1), "200");
      assert(Number(statuses()[0]) < 100, lines.join("\n"));
      for (const way of WAYS) {
        lines.length = 0;
        await ask(bench.session, way, `${bench.url}${way}`);
        await until(() => statuses().length > 1);
        assertEquals(statuses(), ["503", "200"], way);
        assert(lines.includes("< X-Try: 1"), lines.join("\n"));
      }
    });
  }

  it("writes a streamed request body when it has been sent", async () => {
    const { lines, logger } = logInto({ level: "body" });
    await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK")), { features: [logger] });
    await ask(bench.session, "queue", bench.url, { method: "PUT", body: () => new Blob(["stre", "amed"]).stream() });
    const end = lines.indexOf("> streamed");
    assert(end > 0, lines.join("\n"));
    assertEquals(lines.slice(end - 1, end + 2), ["> ", "> streamed", "  "]);
  });

  it("cuts bodies at its limit", async () => {
    const { lines, logger } = logInto({ level: "body", maxBodySize: 10 });
    await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK", "0123456789abcdef")), {
      features: [logger],
    });
    await ask(bench.session, "queue", bench.url);
    assertEquals(lines.slice(-4), ["< ", "< 0123456789", "< [6 more bytes]", "  "]);
    logger.maxBodySize = -1;
    await ask(bench.session, "queue", bench.url);
    assertEquals(lines.at(-2), "< 0123456789abcdef");
    logger.maxBodySize = 0;
    await ask(bench.session, "queue", bench.url);
    assert(!lines.at(-2)!.includes("0123"));
  });

  it("asks its filters for the level of every request and response", async () => {
    const { lines, logger } = logInto({
      level: "none",
      requestFilter: (msg) => msg.uri.pathname === "/a" ? "minimal" : "none",
      responseFilter: (msg) => msg.statusCode === 404 ? "headers" : "none",
    });
    await using bench = await featureBench((request, socket) => {
      socket.write(reply(request.target === "/b" ? "404 Not Found" : "200 OK", "", ["X-Field: value"]));
    }, { features: [logger] });
    await ask(bench.session, "fetch", `${bench.url}a`);
    assertEquals(lines.length, 4);
    await ask(bench.session, "fetch", `${bench.url}b`);
    assertEquals(lines[4], "< HTTP/1.1 404 Not Found");
    assert(lines.includes("< X-Field: value"));
  });

  it("writes nothing at the level none or when it is disabled", async () => {
    const { lines, logger } = logInto({ level: "none" });
    await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK")), { features: [logger] });
    await ask(bench.session, "queue", bench.url);
    logger.level = "body";
    await ask(bench.session, "queue", bench.url, { prepare: (msg) => msg.disableFeature(Logger) });
    assertEquals(lines, []);
    await ask(bench.session, "queue", bench.url);
    assert(lines.length > 0);
    assertThrows(() => new Logger({ level: "loud" as LoggerLevel }), TypeError, 'Cannot log at the level "loud"');
  });

  it("shows informational responses and answers that need no connection", async () => {
    const { lines, logger } = logInto({ level: "minimal" });
    await using bench = await featureBench((_request, socket) => {
      socket.write("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n");
      socket.write(reply("200 OK"));
    }, { transport: "node", features: [logger] });
    await ask(bench.session, "queue", bench.url);
    assert(lines.includes("< HTTP/1.1 103 Early Hints"), lines.join("\n"));
    lines.length = 0;
    bench.session.addFeature({ lookup: () => new Response("stored") });
    await ask(bench.session, "queue", bench.url);
    assert(lines.includes("> Soup-Debug: SoupSession 1, SoupMessage 2, cached"), lines.join("\n"));
  });

  it("never lets a server write to the terminal", async () => {
    const { lines, logger } = logInto({ level: "body" });
    await using bench = await featureBench(
      (_request, socket) => socket.write(reply("200 OK", "a\x1b[2Jb\rc\x9bd\u0000")),
      {
        features: [logger],
      },
    );
    await ask(bench.session, "queue", bench.url);
    assertEquals(lines.at(-2), "< a\\x1b[2Jb\\x0dc\\x9bd\\x00");
  });
});

describe("what is hidden in logs", () => {
  const rules = { headers: new Set(["x-mine"]), parameters: new Set(["mine"]) };
  const header = (name: string, value: string): string => redactHeader(name, value, rules);

  it("are credentials", () => {
    assertEquals(header("Authorization", `basic ${btoa("u:p:q")}`), "basic [u:****]");
    assertEquals(header("authorization", "Basic !!"), "Basic [****:****]");
    assertEquals(header("Proxy-Authorization", "Digest username=u, response=secret"), "Digest ****");
    assertEquals(header("authorization", "Bearer secret"), "Bearer ****");
    assertEquals(header("authorization", "secret"), "****");
    assertEquals(header("www-authenticate", 'NTLM TlRMsecret, Basic realm="a, b"'), 'NTLM ****, Basic realm="a, b"');
    assertEquals(header("dpop", "eyJ.secret.x"), "****");
  });

  it("are tokens in fields that say so", () => {
    for (const name of ["x-api-key", "X-Auth-Token", "x-amz-security-token", "x-csrf-token", "x-mine", "api-key"]) {
      assertEquals(header(name, "secret"), "****", name);
    }
    for (const name of ["accept", "x-request-id", "etag", "authority", "tokenizer", "keep-alive"]) {
      assertEquals(header(name, "public"), "public", name);
    }
  });

  it("are cookies", () => {
    assertEquals(header("cookie", "a=secret; secret"), "a=****; ****");
    assertEquals(header("set-cookie", "a=secret==; Path=/; HttpOnly"), "a=****; Path=/; HttpOnly");
    assertEquals(header("set-cookie", "secret"), "****");
  });

  it("are secrets in addresses", () => {
    const show = (text: string): string => redactAddress(text, rules);
    assertEquals(
      show("https://u:secret@h/p?a=1&access_token=secret&b=2#id_token=secret"),
      "https://****@h/p?a=1&access_token=****&b=2#id_token=****",
    );
    assertEquals(
      show("/cb?code=secret&state=public&X-Amz-Signature=secret&mine=secret"),
      "/cb?code=****&state=public&X-Amz-Signature=****&mine=****",
    );
    assertEquals(show("/p?key"), "/p?key");
    assertEquals(header("location", "/?client_secret=secret"), "/?client_secret=****");
  });

  it("are secrets in forms and JSON", () => {
    const show = (text: string, type: string): string => redactBody(text, type, rules);
    assertEquals(
      show("user=u&password=secret&code=secret", "application/x-www-form-urlencoded"),
      "user=u&password=****&code=****",
    );
    assertEquals(
      show(
        '{"user":"u", "accessToken" : "sec\\"ret", "refresh_token":"secret","n":{"mine":123},"code":"public"}',
        "application/json",
      ),
      '{"user":"u", "accessToken" : "****", "refresh_token":"****","n":{"mine":"****"},"code":"public"}',
    );
    assertEquals(show('{"token":"secret that was cut', "application/problem+json"), '{"token":"****"');
    assertEquals(show("password=secret", "text/plain"), "password=****");
  });

  it("survive anything", () => {
    const random = new SeededRandom(12);
    const pieces = [
      '"token"',
      ":",
      '"',
      "\\",
      "=",
      "&",
      "?",
      "//",
      "@",
      "; ",
      "Basic ",
      "secret",
      "1e",
      "{",
      ",",
      "<a ",
      "%22",
      "&#xd800;",
      "--a\r\n",
    ];
    for (let round = 0; round < 3000; round++) {
      const text = random.fieldValue(pieces);
      for (const name of ["authorization", "cookie", "set-cookie", "location", "www-authenticate", "x-token"]) {
        header(name, text);
      }
      redactBody(text, "application/json", rules);
      redactBody(text, "application/x-www-form-urlencoded", rules);
      redactBody(text, "multipart/mixed; boundary=a", rules);
    }
  });
});
