/**
 * Forms of values the platform's functions take, under names of this library: the names of the DOM library are unknown to
 * programs that are compiled without it, and what is unknown is checked by nobody.
 *
 * @module
 */

/** What callers may pass as bytes: typed arrays, `DataView`, `ArrayBuffer`, on shared memory too. */
export type BytesInput = ArrayBufferView | ArrayBufferLike;

/** A key of some Web Cryptography, as it is handed in (a `CryptoKey`). */
export interface CryptoKeyInput {
  /** Whether it is public, private or secret. */
  readonly type: string;
  /** Whether it can be exported. */
  readonly extractable: boolean;
  /** What it is for, by its name in Web Cryptography. */
  readonly algorithm: { readonly name: string };
  /** The calls it may be used in. */
  readonly usages: readonly string[];
}

/** A public key of the runtime's own Web Cryptography: a `CryptoKey`, which the runtime's `crypto.subtle` takes. */
export interface RuntimeCryptoKey extends CryptoKeyInput {
  /** Whether it is public, private or secret. */
  readonly type: "private" | "public" | "secret";
  /** The calls it may be used in. */
  readonly usages: (
    | "decrypt"
    | "deriveBits"
    | "deriveKey"
    | "encrypt"
    | "sign"
    | "unwrapKey"
    | "verify"
    | "wrapKey"
  )[];
}

/** Header fields as `new Headers` takes them: fields, pairs of a name and a value, or an object of them. */
export type HeadersInput =
  | Headers
  | Iterable<readonly [name: string, value: string]>
  | Readonly<Record<string, string>>;

/** What `fetch` is told to fetch. */
export type FetchInput = string | URL | Request;

/** What a stream of bytes gives when it is read: compilers with Bun's types have another name for it than the DOM library. */
export type BytesRead = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>["read"]>>;

/** What a listener is added with, as `EventTarget.addEventListener` takes it. */
export interface ListenerOptions {
  /** Hear the event before the target does; it makes no difference where events do not travel. @default {false} */
  readonly capture?: boolean | undefined;
  /** Remove the listener after its first event. @default {false} */
  readonly once?: boolean | undefined;
  /** The listener promises not to call `preventDefault`. @default {false} */
  readonly passive?: boolean | undefined;
  /** Removes the listener when it aborts. */
  readonly signal?: AbortSignal | undefined;
}
