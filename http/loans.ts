/**
 * Small responses of `session.fetch`, lent out as the runtime made them. The slot comes back when one of the reading
 * methods ends; a response left unread is read into memory a moment later, through a copy, so that it stays readable in
 * every way, also by the runtime's own server, and never keeps its slot.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";
import type { BodyReader } from "./fetch_response.ts";

const native = Response.prototype;
const nativeBody = Object.getOwnPropertyDescriptor(native, "body")!.get!;

/** Milliseconds between two looks at what is still unread; a response is left alone for one to two of them. */
const pace = 2;

/** The unread responses of one session. */
export class Loans {
  #fresh: Map<BodyReader, Response> = new Map();
  #aged: Map<BodyReader, Response> = new Map();
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** Keeps an eye on a response. */
  add(reader: BodyReader, response: Response): void {
    this.#fresh.set(reader, response);
    this.#timer ??= this.#schedule();
  }

  /** Forgets a response somebody reads. */
  remove(reader: BodyReader): void {
    if (!this.#fresh.delete(reader)) this.#aged.delete(reader);
  }

  /** Ends the watch. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#fresh.clear();
    this.#aged.clear();
  }

  #schedule(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => this.#look(), pace);
    timer.unref();
    return timer;
  }

  #look(): void {
    this.#timer = null;
    const old = this.#aged;
    this.#aged = this.#fresh;
    this.#fresh = old;
    for (const [reader, response] of old) {
      // The runtime itself is reading it, for example as the answer of a server: small as it is, it is soon done.
      if (response.bodyUsed) reader.finish();
      else drain(reader, response);
    }
    old.clear();
    if (this.#aged.size > 0) this.#timer = this.#schedule();
  }
}

interface Loan {
  readonly reader: BodyReader;
  readonly loans: Loans;
}

const loansOf = new WeakMap<Response, Loan>();

/** Lends a native response out. */
export function lend(loans: Loans, reader: BodyReader, response: Response, redirected: boolean): Response {
  loansOf.set(response, { reader, loans });
  Object.setPrototypeOf(response, redirected ? redirectedPrototype : lentPrototype);
  loans.add(reader, response);
  return response;
}

/** A native response without a body needs no watching. */
export function lendWithoutBody(response: Response, redirected: boolean): Response {
  if (redirected) Object.setPrototypeOf(response, redirectedPrototype);
  return response;
}

/** Reads the body into memory through a copy; the response itself stays unread. */
function drain(reader: BodyReader, response: Response): void {
  native.clone.call(response).arrayBuffer().then(() => reader.finish(), (error: unknown) => reader.fail(error));
}

/** Reads with one of the runtime's methods; the slot is free when that has ended. */
function consume<T>(response: Response, method: (this: Response) => Promise<T>): Promise<T> {
  const result = method.call(response);
  const loan = loansOf.get(response);
  if (loan !== undefined && !loan.reader.isOver) {
    loan.loans.remove(loan.reader);
    const { reader } = loan;
    result.then(() => reader.finish(), (error: unknown) => reader.fail(error));
  }
  return result;
}

/** What is done in any other way finds the body in memory. */
function settle(response: Response): void {
  const loan = loansOf.get(response);
  if (loan === undefined || loan.reader.isOver || response.bodyUsed) return;
  loansOf.delete(response);
  loan.loans.remove(loan.reader);
  drain(loan.reader, response);
}

function method(value: (this: Response) => unknown): PropertyDescriptor {
  return { value, writable: true, enumerable: false, configurable: true };
}

const lentPrototype: object = Object.create(native, {
  text: method(function (): Promise<string> {
    return consume(this, native.text);
  }),
  json: method(function (): Promise<unknown> {
    return consume(this, native.json);
  }),
  bytes: method(function (): Promise<Uint8Array> {
    return consume(this, native.bytes);
  }),
  arrayBuffer: method(function (): Promise<ArrayBuffer> {
    return consume(this, native.arrayBuffer);
  }),
  blob: method(function (): Promise<Blob> {
    return consume(this, native.blob);
  }),
  formData: method(function (): Promise<FormData> {
    return consume(this, native.formData);
  }),
  clone: method(function (): Response {
    settle(this);
    return native.clone.call(this);
  }),
  body: {
    get(this: Response): ReadableStream<Uint8Array> | null {
      settle(this);
      return nativeBody.call(this);
    },
    enumerable: false,
    configurable: true,
  },
});

const redirectedPrototype: object = Object.create(lentPrototype, {
  redirected: { get: () => true, enumerable: false, configurable: true },
});
