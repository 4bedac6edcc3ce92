/**
 * Small responses of `session.fetch`, handed out as the runtime made them. The slot comes back when one of the reading
 * methods ends; a response left unread is read into memory a moment later, through a copy, so that it stays readable in
 * every way, also by the runtime's own server, and never keeps its slot.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import { bodyFailure } from "./fetch_error.ts";
import type { BodyReader } from "./body_reader.ts";
import type { HttpMessage } from "../message/message.ts";
import { makeImmutable, ownHeaders, responseGetter } from "../transports/immutable_headers.ts";

/** Milliseconds between two checks of what is still unread; a response is left alone for one to two of them. */
const checkInterval = 2;
/** Checks that find nothing before the timer is stopped: making one costs more than some checks. */
const maxIdleChecks = 16;

/** The unread responses of one session, oldest first; one that is read leaves the list at once. */
export class SmallResponses {
  #first: SmallResponse | null = null;
  #last: SmallResponse | null = null;
  #checks = 0;
  #idleChecks = 0;
  #timer: ReturnType<typeof builtin.timers.setInterval> | null = null;

  /** Checks a response from now on. */
  add(small: SmallResponse): void {
    small.addedAt = this.#checks;
    small.previous = this.#last;
    if (this.#last === null) this.#first = small;
    else this.#last.next = small;
    this.#last = small;
    if (this.#timer === null) this.#watch();
  }

  /** Forgets a response. */
  remove(small: SmallResponse): void {
    if (small.previous !== null) small.previous.next = small.next;
    else if (this.#first === small) this.#first = small.next;
    else return;
    if (small.next !== null) small.next.previous = small.previous;
    else this.#last = small.previous;
    small.previous = small.next = null;
  }

  /** Ends the checks. */
  close(): void {
    this.#stop();
    this.#first = this.#last = null;
  }

  #watch(): void {
    this.#idleChecks = 0;
    this.#timer = builtin.timers.setInterval(() => this.#settleOld(), checkInterval);
    this.#timer.unref();
  }

  #stop(): void {
    if (this.#timer !== null) builtin.timers.clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Takes back what was there at the last check already. */
  #settleOld(): void {
    this.#checks++;
    if (this.#first !== null) this.#idleChecks = 0;
    else if (++this.#idleChecks >= maxIdleChecks) this.#stop();
    while (this.#first !== null && this.#first.addedAt < this.#checks - 1) this.#first.settle();
  }
}

/** One response that was handed out. */
class SmallResponse {
  /** The responses before and behind it in the list of the unread. */
  previous: SmallResponse | null = null;
  next: SmallResponse | null = null;
  /** Number of checks made before it was handed out. */
  addedAt = 0;
  readonly #all: SmallResponses;
  readonly #msg: HttpMessage;
  #reader: BodyReader | null;
  #response: Response | null;

  constructor(responses: SmallResponses, reader: BodyReader, response: Response) {
    this.#all = responses;
    this.#reader = reader;
    this.#msg = reader.item.msg;
    this.#response = response;
  }

  /** Somebody reads it: the slot is free when that has ended. A body that breaks off rejects as `bodyFailure` says. */
  whenRead<T>(reading: Promise<T>): Promise<T> {
    const reader = this.#reader;
    this.#forget();
    return reading.then((result) => {
      reader?.finish();
      return result;
    }, (error: unknown) => {
      // Text that is no JSON has been read to its end.
      if (error instanceof SyntaxError) {
        reader?.finish();
        throw error;
      }
      reader?.fail(error);
      throw bodyFailure(this.#msg, error);
    });
  }

  /** Reads the body into memory through a copy; the response itself stays unread. */
  settle(): void {
    const response = this.#response;
    if (response === null || this.#reader === null || this.#reader.isOver) {
      this.#forget();
      return;
    }
    const { connection } = this.#reader.item;
    // The runtime itself is reading it, for example as the answer of a server: small as it is, it is soon done.
    const reading = response.bodyUsed ? Promise.resolve() : prototypes!.native.clone.call(response).arrayBuffer();
    // Should it never come to its end, nobody is to wait for it.
    this.#reader.watch();
    // Who reads the response learns of a failure; nobody may.
    this.whenRead(reading.then(() => connection?.transport.keepResponse?.())).catch(() => {});
  }

  #forget(): void {
    this.#all.remove(this);
    this.#reader = this.#response = null;
  }
}

/** Puts a mark on a response in a private field: a foreign object can carry one, and nobody else sees it. */
class MarkedObject {
  constructor(response: Response) {
    return response as unknown as MarkedObject;
  }
}

class ResponseMark extends MarkedObject {
  #small: SmallResponse;

  constructor(response: Response, small: SmallResponse) {
    super(response);
    this.#small = small;
  }

  static of(response: object): SmallResponse | undefined {
    return #small in response ? (response as ResponseMark).#small : undefined;
  }
}

/** What the responses that are handed out are made of. */
interface Prototypes {
  /** The runtime's own. */
  readonly native: Response;
  /** Of a small response. */
  readonly small: object;
  /** Of one behind a redirect. */
  readonly redirected: object;
}

/** Made for the first response: Node loads its HTTP client as soon as a program names `Response`. */
let prototypes: Prototypes | null = null;

/** Hands a native response out. */
export function handOutSmall(
  responses: SmallResponses,
  reader: BodyReader,
  response: Response,
  redirected: boolean,
): Response {
  const small = new SmallResponse(responses, reader, response);
  new ResponseMark(response, small);
  handOutEmpty(response, redirected);
  responses.add(small);
  return response;
}

/** A native response without a body needs no watching. */
export function handOutEmpty(response: Response, redirected: boolean): Response {
  prototypes ??= makePrototypes(Response.prototype);
  Object.setPrototypeOf(response, redirected ? prototypes.redirected : prototypes.small);
  return response;
}

/** Reads with one of the runtime's methods; the slot is free when that has ended. */
function consume<T>(response: Response, method: (this: Response) => Promise<T>): Promise<T> {
  const result = method.call(response);
  return ResponseMark.of(response)?.whenRead(result) ?? result;
}

/** What is done in any other way finds the body in memory. */
function settle(response: Response): void {
  ResponseMark.of(response)?.settle();
}

function method(value: (this: Response) => unknown): PropertyDescriptor {
  return { value, writable: true, enumerable: false, configurable: true };
}

function getter(get: (this: Response) => unknown): PropertyDescriptor {
  return { get, enumerable: false, configurable: true };
}

function makePrototypes(native: Response): Prototypes {
  const nativeBody = responseGetter<ReadableStream<Uint8Array> | null>("body");
  const reading = (name: "text" | "json" | "bytes" | "arrayBuffer" | "blob"): PropertyDescriptor => {
    const read: (this: Response) => Promise<unknown> = native[name];
    return method(function () {
      return consume(this, read);
    });
  };
  const small: object = Object.create(native, {
    text: reading("text"),
    json: reading("json"),
    bytes: reading("bytes"),
    arrayBuffer: reading("arrayBuffer"),
    blob: reading("blob"),
    formData: method(function (): Promise<FormData> {
      // A form that cannot be parsed was read to its end all the same.
      const { headers } = this;
      return consume(this, native.arrayBuffer).then((bytes) => new Response(bytes, { headers }).formData());
    }),
    clone: method(function (): Response {
      settle(this);
      return handOutEmpty(native.clone.call(this), this.redirected);
    }),
    headers: getter(function (): Headers {
      return makeImmutable(ownHeaders(this));
    }),
    body: getter(function (): ReadableStream<Uint8Array> | null {
      settle(this);
      return nativeBody.call(this);
    }),
  });
  return { native, small, redirected: Object.create(small, { redirected: getter(() => true) }) };
}
