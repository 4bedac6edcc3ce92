/**
 * Answers in place of servers, for the tests of a session's users.
 *
 * @module
 */
import { checkFunction, checkOptions } from "../../internal/expected.ts";
import { fact, type Portrait, shownAs } from "../../internal/inspection.ts";
import type { SessionFeature } from "../contract/feature.ts";
import { freshBody } from "../message/body_source.ts";
import type { HttpMessage } from "../message/message.ts";
import { TransportError } from "../errors.ts";
import { HttpStatus } from "../protocol/status.ts";
import { bareAddress } from "../protocol/uri.ts";

/** Answers one request, or passes it on with null. What it throws ends the message as a transport failure. */
export type MockHandler = (request: Request, msg: HttpMessage) => Response | null | Promise<Response | null>;

/** Options of {@linkcode MockTransport}. */
export interface MockTransportOptions {
  /**
   * What becomes of a request the handler passes on: "send" gives it to the features added before this one and then to
   * the network, "fail" ends it with `CANT_CONNECT`, so that a test never leaves the machine.
   *
   * @default {"send"}
   */
  readonly unanswered?: "send" | "fail" | undefined;
}

/** One request a mock has seen. */
export interface MockedRequest {
  /** The method, as it would go onto the wire. */
  readonly method: string;
  /** The URL without a fragment. */
  readonly url: string;
  /** The header fields at that moment, those of the session and its features included. */
  readonly headers: Headers;
  /** True when the handler answered it. */
  readonly answered: boolean;
}

/**
 * A feature that answers messages with a function. Mocked messages wait in the queue, take a connection slot, emit
 * every event and pass every other feature, as real ones do; only the network is not used.
 *
 * @example Test code that uses a session
 * ```ts
 * import { HttpSession, MockTransport } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const mock = new MockTransport((request) =>
 *   request.method === "POST" ? new Response("made", { status: 201 }) : null, { unanswered: "fail" });
 * await using session = new HttpSession({ features: [mock] });
 * const response = await session.fetch("https://api.example/things", { method: "POST", body: "{}" });
 * assertEquals([response.status, await response.text()], [201, "made"]);
 * assertEquals(mock.requests.map(({ url }) => url), ["https://api.example/things"]);
 * ```
 */
export class MockTransport implements SessionFeature {
  readonly #handler: MockHandler;
  readonly #unanswered: "send" | "fail";
  #requests: MockedRequest[] = [];

  /**
   * Makes a mock that asks a function for its answers.
   *
   * @throws {TypeError} If the handler is no function.
   */
  constructor(handler: MockHandler, options: MockTransportOptions = {}) {
    checkFunction("make a MockTransport", handler);
    checkOptions("make a MockTransport", options);
    this.#handler = handler;
    this.#unanswered = options.unanswered ?? "send";
  }

  /** The requests seen so far, oldest first. */
  get requests(): readonly MockedRequest[] {
    return this.#requests;
  }

  /** Forgets the requests seen so far. */
  reset(): void {
    this.#requests = [];
  }

  /** Asks the handler; see {@linkcode SessionFeature.respond}. */
  async respond(msg: HttpMessage): Promise<Response | null> {
    // A list is what every runtime copies fastest.
    const fields = [...msg.requestHeaders];
    const request = requestOf(msg, fields);
    const headers = new Headers(fields);
    const response = await this.#handler(request, msg);
    const answered = response !== null && response !== undefined;
    this.#requests.push(shownAs(requestShown, { method: msg.method, url: request.url, headers, answered }));
    if (answered) return checked(response);
    if (this.#unanswered === "send") return null;
    throw new TransportError(
      HttpStatus.CANT_CONNECT,
      "connect",
      `Cannot answer ${msg.method} ${request.url}: the mock has no response for it`,
      { code: "ERR_HTTP_NOT_MOCKED" },
    );
  }
}

/** Header fields and query hold what the program has sent to its server: cookies, credentials. */
const requestShown: Portrait<MockedRequest> = {
  name: "MockedRequest",
  facts({ answered, method, url }) {
    const address = bareAddress(new URL(url));
    return [
      fact("method", method, `${method} ${address}`),
      fact("url", address, ""),
      fact("answered", answered, answered ? "answered" : "passed on"),
    ];
  },
};

function checked(response: Response): Response {
  if (!(response instanceof Response)) {
    throw new TypeError(`Cannot answer with ${typeof response}: a mock returns a Response or null`);
  }
  if (response.bodyUsed) throw new TypeError("Cannot answer with a Response whose body was already read");
  return response;
}

/** A `Request` with the message's very method; the constructors refuse or rewrite some. */
function requestOf(msg: HttpMessage, headers: [string, string][]): Request {
  const { href } = msg.uri;
  const body = bodyOf(msg);
  const request = new Request(/[#@]/.test(href) ? withoutSecrets(msg.uri) : href, {
    method: body === null ? "GET" : "POST",
    headers,
    ...(body === null ? {} : { body, duplex: "half" }),
  } as RequestInit);
  if (request.method !== msg.method) Object.defineProperty(request, "method", { value: msg.method, enumerable: true });
  return request;
}

/** The URI without what never goes onto the wire. */
function withoutSecrets(uri: URL): URL {
  const url = new URL(uri);
  url.hash = "";
  url.username = "";
  url.password = "";
  return url;
}

/** The body; a stream that can be read only once is not touched unless the handler reads it. */
function bodyOf(msg: HttpMessage): BodyInit | null {
  const body = msg.requestBody;
  if (body === null || body instanceof Uint8Array) return body;
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | null = null;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      reader ??= (typeof body === "function" ? freshBody(body) : body).getReader();
      const { value, done } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel(reason) {
      await reader?.cancel(reason);
    },
  }, { highWaterMark: 0 });
}
