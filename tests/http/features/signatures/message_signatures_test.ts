// About http/features/signatures/message_signatures.ts: what goes onto the wire, seen by servers that verify it.
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { createVerifier, httpbis } from "http-message-signatures";
import { createPublicKey, verify as verifyRaw } from "node:crypto";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { HttpMessage, HttpSession, HttpStatus, MockTransport, NotSupportedError, Retry } from "../../../../http/mod.ts";
import { MessageSignatureError } from "../../../../http/features/signatures/components.ts";
import {
  MessageSignatures,
  type MessageSignaturesOptions,
} from "../../../../http/features/signatures/message_signatures.ts";
import { verifyMessage } from "../../../../http/features/signatures/verify_message.ts";
import { ask, TRANSPORTS, WAYS } from "../../../_support/feature_session.ts";
import { originWorker } from "../../../_support/origin_worker.ts";
import { reply } from "../../../_support/socket_server.ts";
import { covered, testSigner, verifyingServer } from "./signing_bench.ts";

const signer = testSigner();
const key = () => signer.publicJwk();

function session(
  options: Partial<MessageSignaturesOptions> = {},
  more: ConstructorParameters<typeof HttpSession>[0] = {},
) {
  const { features = [], ...rest } = more;
  return new HttpSession({ ...rest, features: [...features, new MessageSignatures({ signer, ...options })] });
}

function stream(...pieces: string[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(piece) as Uint8Array<ArrayBuffer>);
    },
  });
}

describe("MessageSignatures", () => {
  for (const transport of TRANSPORTS) {
    for (const way of WAYS) {
      const on = `over ${transport} through ${way}`;

      it(`signs requests with and without a body ${on}`, async () => {
        await using bench = await verifyingServer({ key });
        await using http = session({ tag: "orders", nonce: () => "n-1", expires: 60 }, { transport });
        for (const body of [undefined, "text", new Blob(["blob"], { type: "text/html" }), new URLSearchParams("a=b")]) {
          const method = body === undefined ? "GET" : "POST";
          const outcome = await ask(http, way, `${bench.origin}/a?b=c#d`, {
            method,
            ...(body === undefined ? {} : { body }),
          });
          assertEquals([outcome.status, outcome.text], [200, "right"]);
        }
        const bodied = ["@method", "@target-uri", "content-digest", "content-type"].map((name) => `"${name}"`);
        // A message's text has no media type of its own.
        const text = way === "fetch" ? bodied : bodied.slice(0, 3);
        assertEquals(bench.verdicts.map(covered), [bodied.slice(0, 2), text, bodied, bodied].map((sig) => ({ sig })));
        const [first] = bench.verdicts;
        assert(typeof first === "object");
        assertEquals([first[0]!.keyId, first[0]!.tag, first[0]!.nonce], ["test key", "orders", "n-1"]);
        assertEquals(first[0]!.expires, first[0]!.created! + 60);
      });

      it(`signs anew after a redirect and never for another origin ${on}`, async () => {
        await using elsewhere = await verifyingServer({ key });
        await using bench = await verifyingServer({ key }, (request) => {
          if (request.target === "/first") return reply("307 Temporary Redirect", "", ["Location: /second?x=y"]);
          return reply("302 Found", "", [`Location: ${elsewhere.origin}/third`]);
        });
        await using http = session({}, { transport });
        const { status } = await ask(http, way, `${bench.origin}/first`);
        assertEquals(status, 401);
        assertEquals(bench.verdicts.map((verdict) => typeof verdict), ["object", "object"]);
        assertEquals(elsewhere.verdicts, ["missing"]);
        const [request] = elsewhere.server.requests;
        assertEquals(
          ["signature", "signature-input", "content-digest"].filter((name) => request!.headers.has(name)),
          [],
        );
        // Where both are in the scope, both get one.
        await using both = session({ scope: [bench.origin, new URL(elsewhere.origin)] }, { transport });
        assertEquals((await ask(both, way, `${bench.origin}/first`)).status, 200);
        await using neither = session({ scope: ["https://api.example"] }, { transport });
        await ask(neither, way, `${bench.origin}/first`);
        assertEquals(bench.verdicts.slice(-2), ["missing", "missing"]);
      });
    }
  }

  it("makes what another implementation accepts", async () => {
    for (
      const [algorithm, name] of [["EdDSA", "ed25519"], ["ES256", "ecdsa-p256-sha256"], ["RS256", "rsa-v1_5-sha256"]]
    ) {
      const own = testSigner(algorithm!);
      const seen: Request[] = [];
      const mock = new MockTransport((request) => {
        seen.push(request);
        return new Response();
      });
      const signatures = new MessageSignatures({
        signer: own,
        alg: true,
        components: [
          "@method",
          "@authority",
          "@path",
          "@query",
          '@query-param;name="a"',
          "content-digest",
          "x-list;bs",
        ],
        contentDigest: "sha-512",
      });
      await using http = new HttpSession({ features: [mock, signatures] });
      await http.fetch("https://api.example/p?a=1&b=2", { method: "PUT", body: "{}", headers: { "x-list": "1,  2" } });
      const { headers, method, url } = seen[0]!;
      const publicKey = createPublicKey({ key: own.publicJwk() as Record<string, string>, format: "jwk" });
      // Its own verifier of ECDSA wants DER; ours makes what RFC 9421 §3.3.4 says.
      const verify = algorithm === "ES256"
        ? (data: Buffer, signature: Buffer) =>
          Promise.resolve(verifyRaw("sha256", data, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature))
        : createVerifier(publicKey, name!);
      const isRight = await httpbis.verifyMessage({
        keyLookup: (parameters) => {
          assertEquals([parameters.keyid, parameters.alg], ["test key", name]);
          return Promise.resolve({ id: "test key", algs: [name!], verify });
        },
        requiredFields: ["@method", "@path", "content-digest"],
      }, { method, url, headers: Object.fromEntries(headers) });
      assertEquals(isRight, true, algorithm);
    }
  });

  it("signs each attempt of a retry for itself", async () => {
    let nonce = 0;
    await using bench = await verifyingServer(
      { key },
      (_request, _verdict, index) => index < 2 ? reply("503 Service Unavailable") : undefined,
    );
    await using http = session({ nonce: () => `${++nonce}` }, { features: [new Retry({ baseDelay: 1 })] });
    const response = await http.fetch(bench.origin, { method: "PUT", body: "again" });
    assertEquals(await response.text(), "right");
    assertEquals(bench.verdicts.map((verdict) => typeof verdict === "string" ? verdict : verdict[0]!.nonce), [
      "1",
      "2",
      "3",
    ]);
  });

  it("signs a message that is sent again once, and leaves other signatures on it", async () => {
    await using bench = await verifyingServer({ key });
    await using http = session({ label: "mine" });
    const headers = { "signature-input": 'other=("date");created=1', "signature": "other=:AAAA:", date: "today" };
    const msg = new HttpMessage("GET", bench.origin, { headers });
    for (let sending = 0; sending < 3; sending++) assertEquals(await http.sendMessage(msg), 200);
    assertEquals(bench.verdicts.map(covered), Array(3).fill({ mine: ['"@method"', '"@target-uri"'] }));
    assertMatch(msg.requestHeaders.get("signature-input")!, /^other=\("date"\);created=1, mine=\([^)]*\)[^,]*$/);
  });

  it("makes several signatures, of which one may cover another", async () => {
    await using bench = await verifyingServer({ key });
    const second = new MessageSignatures({ signer, components: ['"signature";key="sig"', "@method", "@target-uri"] });
    await using http = session({}, {});
    http.addFeature(second);
    assertEquals((await http.fetch(bench.origin)).status, 200);
    assertEquals(covered(bench.verdicts[0]), {
      sig: ['"@method"', '"@target-uri"'],
      sig2: ['"signature";key="sig"', '"@method"', '"@target-uri"'],
    });
  });

  it("covers what transports add by themselves", async () => {
    await using bench = await verifyingServer({ key });
    for (const transport of TRANSPORTS) {
      await using http = session(
        { components: ["@method", "@target-uri", "content-digest", "host", "content-length"] },
        { transport },
      );
      for (const body of ["text", ""]) {
        assertEquals((await http.fetch(bench.origin, { method: "POST", body })).status, 200);
      }
    }
  });

  it("puts digest and signature behind a body that can be sent once", async () => {
    await using bench = await verifyingServer({ key });
    for (const way of WAYS) {
      await using http = session();
      const { status, text } = await ask(http, way, bench.origin, {
        method: "POST",
        body: stream("in ", "", "pieces"),
      });
      assertEquals([status, text], [200, "right"]);
      const request = bench.server.requests.at(-1)!;
      assertEquals(request.body.toString(), "in pieces");
      assertEquals(request.headers.get("trailer"), "content-digest, signature");
      assertEquals([...request.trailers.keys()], ["content-digest", "signature"]);
      assertEquals(covered(bench.verdicts.at(-1)), { sig: ['"@method"', '"@target-uri"', '"content-digest";tr'] });
    }
  });

  it("refuses such a body where nothing can go behind it, and takes a digest that is given", async () => {
    await using bench = await verifyingServer({ key });
    await using http = session({}, { transport: "fetch" });
    const refused = await ask(http, "queue", bench.origin, { method: "POST", body: stream("x") });
    assert(refused.error instanceof NotSupportedError);
    assertMatch(refused.error.message, /lacks requestTrailers/);
    assertEquals(bench.server.requests.length, 0);
    const headers = { "content-digest": "sha-256=:LXEWQrcmsEQBYnyp+6wy9cht7Jw0u5qEJ0OGvZ3UZgM=:" };
    const body = () => stream("x");
    const digest = Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("x"))).toString("base64");
    headers["content-digest"] = `sha-256=:${digest}:`;
    assertEquals((await ask(http, "queue", bench.origin, { method: "POST", body: body(), headers })).status, 200);
    assertEquals(covered(bench.verdicts[0]), { sig: ['"@method"', '"@target-uri"', '"content-digest"'] });
  });

  it("makes the signature a server asks for, at once and from then on", async () => {
    const asking = 'wanted=("@method" "@target-uri" "x-account");keyid="test key";tag="asked";nonce="n-7";expires';
    const foreign = 'other=("@method");keyid="somebody else", odd=("@status"), broken';
    await using bench = await verifyingServer(
      { key, tag: "asked" },
      (_request, verdict) =>
        typeof verdict === "string"
          ? reply("401 Unauthorized", verdict, [`Accept-Signature: ${asking}, ${foreign}`])
          : undefined,
    );
    await using http = session();
    const headers = { "x-account": "17" };
    assertEquals((await http.fetch(bench.origin, { headers })).status, 200);
    assertEquals((await http.fetch(bench.origin, { headers })).status, 200);
    assertEquals(bench.verdicts.map(covered), [
      "missing",
      ...Array(2).fill({ wanted: ['"@method"', '"@target-uri"', '"x-account"'] }),
    ]);
    const [, second, third] = bench.verdicts;
    assert(typeof second === "object" && typeof third === "object");
    assertEquals([second[0]!.nonce, third[0]!.nonce], ["n-7", null]);
    assertEquals(second[0]!.expires, second[0]!.created! + 300);
    // A message that lacks what it would cover goes without it, once.
    assertEquals((await http.fetch(bench.origin)).status, 401);
    assertEquals(bench.server.requests.length, 5);
  });

  it("ends a message that cannot be signed, sends nothing of it, and goes on", async () => {
    await using bench = await verifyingServer({ key });
    let isBroken = true;
    const failing = {
      ...signer,
      sign: (message: Uint8Array<ArrayBuffer>) =>
        isBroken ? Promise.reject(new Error("the token is gone")) : signer.sign(message),
    };
    for (const transport of TRANSPORTS) {
      await using http = session({ signer: failing }, { transport, features: [new Retry({ baseDelay: 1 })] });
      isBroken = true;
      const msg = new HttpMessage("GET", bench.origin);
      assertEquals(await http.sendMessage(msg), HttpStatus.IO_ERROR);
      assertEquals([(msg.error as Error).message, msg.reasonPhrase], [
        ...["the token is gone", "Cannot sign the request: the token is gone"],
      ]);
      assertEquals(msg.metrics.attempts, 1);
      const error = await assertRejects(() => http.fetch(bench.origin), TypeError);
      assertMatch(error.message, /the token is gone/);
      assertEquals(bench.server.requests.length, transport === "fetch" ? 0 : 1);
      isBroken = false;
      assertEquals((await http.fetch(bench.origin)).status, 200);
    }
    await using strict = session({ components: ["@method", "x-missing"] });
    const msg = new HttpMessage("GET", bench.origin);
    assertEquals(await strict.sendMessage(msg), HttpStatus.IO_ERROR);
    assert(msg.error instanceof MessageSignatureError);
    assertMatch(msg.error.message, /Cannot cover "x-missing": the message has no such field/);
  });

  it("drops a signature that comes when its message has moved on", async () => {
    await using bench = await verifyingServer({ key });
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = { ...signer, sign: (message: Uint8Array<ArrayBuffer>) => promise.then(() => signer.sign(message)) };
    await using http = session({ signer: slow });
    const msg = new HttpMessage("GET", bench.origin);
    const controller = new AbortController();
    const sending = http.sendMessage(msg, { signal: controller.signal });
    await new Promise((done) => http.addEventListener("connection-created", done, { once: true }));
    controller.abort(new Error("changed my mind"));
    await assertRejects(() => sending, Error, "changed my mind");
    resolve();
    await promise;
    assertEquals(msg.requestHeaders.has("signature"), false);
    assertEquals(bench.server.requests.length, 0);
  });

  it("signs what is sent synchronously where the signer can", async () => {
    await using origin = await originWorker();
    const url = `http://127.0.0.1:${origin.port}/`;
    const { signSync: _none, ...waiting } = signer;
    await using unable = session({ signer: waiting });
    const refused = new HttpMessage("GET", url);
    assertEquals(unable.sendMessageSync(refused), HttpStatus.IO_ERROR);
    assertMatch(refused.reasonPhrase, /the signer has no signSync/);
    await using http = session();
    const msg = new HttpMessage("POST", url, { body: "x" });
    for (let sending = 0; sending < 2; sending++) {
      assertEquals(http.sendMessageSync(msg), 200);
      const sent = { method: "POST", url, headers: msg.requestHeaders };
      const verdict = await verifyMessage(sent, { key, content: new TextEncoder().encode("x") });
      assertEquals(covered(verdict), { sig: ['"@method"', '"@target-uri"', '"content-digest"'] });
    }
  });

  it("leaves a message alone that carries nothing of its user", async () => {
    await using bench = await verifyingServer({ key });
    await using http = session();
    assertEquals((await http.fetch(bench.origin, { credentials: "omit" })).status, 401);
    assertEquals(bench.verdicts, ["missing"]);
  });

  it("refuses options that cannot work", () => {
    const wrong: [() => unknown, RegExp][] = [
      [() => new MessageSignatures({} as never), /signer has not the members/],
      [() => new MessageSignatures({ signer: { ...signer, algorithm: "ES512" } }), /RFC 9421 has no name for it/],
      [() => new MessageSignatures({ signer, components: ["@method", "@METHOD"] }), /is there twice/],
      [() => new MessageSignatures({ signer, components: "@method" }), /no list of names/],
      [() => new MessageSignatures({ signer, label: "Not A Label" }), /a label is of/],
      [() => new MessageSignatures({ signer, contentDigest: "md5" as never }), /"sha-256" or "sha-512"/],
      [() => new MessageSignatures({ signer, scope: ["nowhere"] }), /no http or https origin/],
    ];
    for (const [make, text] of wrong) assertMatch(assertThrows(make, TypeError).message, text);
    for (const expires of [-1, 0.5]) {
      assertThrows(() => new MessageSignatures({ signer, expires }), RangeError, "Cannot set expires");
    }
  });
});
