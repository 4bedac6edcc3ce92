/**
 * Header fields of a response, which nobody may change (Fetch §2.2.2, guard "immutable").
 *
 * @module
 */

/** Looked at with the first response: Node loads its HTTP client as soon as a program names `Response` or `Headers`. */
let nativeHeaders: ((this: Response) => Headers) | null = null;

/** The getter of a property of responses, of whatever class `Response` is by now: it may have it from the runtime's own. */
export function responseGetter<T>(name: "body" | "headers"): (this: Response) => T {
  let prototype: object | null = Response.prototype;
  while (prototype !== null && !Object.hasOwn(prototype, name)) prototype = Object.getPrototypeOf(prototype);
  return Object.getOwnPropertyDescriptor(prototype ?? {}, name)?.get ?? function (): T {
    return this[name] as T;
  };
}

/** The header fields of a response as the runtime has them, whatever its class makes of them. */
export function ownHeaders(response: Response): Headers {
  nativeHeaders ??= responseGetter<Headers>("headers");
  return nativeHeaders.call(response);
}

function refuse(): never {
  throw new TypeError("Cannot change the headers: those of a fetched response are immutable");
}

const refusal: PropertyDescriptor = { value: refuse, writable: true, enumerable: false, configurable: true };

/** The prototype of immutable headers; made for the first. */
let immutable: object | null = null;

/** Makes the very object immutable: it stays what the runtime made, to the runtime's own server as well. */
export function makeImmutable(headers: Headers): Headers {
  if (Object.getPrototypeOf(headers) !== Headers.prototype) return headers;
  immutable ??= Object.create(Headers.prototype, { append: refusal, delete: refusal, set: refusal }) as object;
  return Object.setPrototypeOf(headers, immutable);
}
