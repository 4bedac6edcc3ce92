/**
 * Header fields of a response, which nobody may change (Fetch §2.2.2, guard "immutable").
 *
 * @module
 */

const nativeHeaders = Object.getOwnPropertyDescriptor(Response.prototype, "headers")!.get!;

/** The header fields of a response as the runtime has them, whatever its class makes of them. */
export function ownHeaders(response: Response): Headers {
  return nativeHeaders.call(response);
}

function refuse(): never {
  throw new TypeError("Cannot change the headers: those of a fetched response are immutable");
}

const refusal: PropertyDescriptor = { value: refuse, writable: true, enumerable: false, configurable: true };

const immutable: object = Object.create(Headers.prototype, { append: refusal, delete: refusal, set: refusal });

/** Makes the very object immutable: it stays what the runtime made, to the runtime's own server as well. */
export function makeImmutable(headers: Headers): Headers {
  if (Object.getPrototypeOf(headers) === Headers.prototype) Object.setPrototypeOf(headers, immutable);
  return headers;
}
