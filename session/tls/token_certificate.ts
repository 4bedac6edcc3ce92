/** Client certificates whose key stays in a token, as sessions of HTTP and other TLS connections use them. */
import type { Duplex } from "node:stream";
import { type ByteDuplex, fromByteDuplex, toByteDuplex } from "../../internal/byte_duplex.ts";
import { reportUncaught } from "../../internal/report_error.ts";
import { orAborted } from "../../internal/signals.ts";
import type { BlockingTls, TlsInfo } from "../../internal/tls_info.ts";
import { checkSignal } from "../../internal/expected.ts";
import { copyBytes, describeType, isBytesInput } from "../../ffi/memory/inputs.ts";
import { forgetPin } from "../../ffi/operations/pins.ts";
import type { Gnutls } from "../../ffi/tables/gnutls.ts";
import { Module } from "../tokens/module.ts";
import { Pkcs11Object } from "../tokens/object.ts";
import type { Pin } from "../tokens/options.ts";
import { keptPin } from "../tokens/pin.ts";
import type { ChainInput, ChainPart, OwnPart } from "./certificate_chain.ts";
import type * as Connections from "./connections.ts";
import type { CredentialPool, Credentials } from "./credentials.ts";
import type { Resumptions } from "./resumptions.ts";
import type { Secured } from "./secure_stream.ts";
import type { Lender } from "./tls_duplex.ts";
import { isTokenFailure } from "../errors.ts";
import type { TokenKey } from "./token_key.ts";
import { type AuthoritiesInput, readAuthorities, type RootCertificates, type Roots, rootsOf } from "./trust.ts";
import type { Work } from "./work.ts";

/** What {@linkcode tokenCertificate} is made of. */
export interface TokenCertificateOptions {
  /**
   * The certificate: a `pkcs11:` URI, PEM text with the certificates that vouch for it behind it, DER, an object of the
   * token, or a list of these, the client's own first. To an object or URI what its token has of the chain is added.
   */
  readonly certificate: ChainInput;
  /** The private key: a `pkcs11:` URI, whose `pin-value` or `pin-source` counts, or an object. */
  readonly key: string | Pkcs11Object;
  /**
   * The token's PIN, needed where nobody has logged in to it: text, bytes, a callback that is asked for it, or `null` for a
   * PIN pad. GnuTLS never sees it; what is kept to log in anew is overwritten by `close`.
   */
  readonly pin?: Pin | null | undefined;
  /**
   * Whom to trust as servers: PEM text, DER, trust anchors or a `TlsDatabase`. It comes before what a session of HTTP
   * trusts.
   *
   * By default what the session trusts, the system's store where it does not say.
   */
  readonly ca?: AuthoritiesInput | undefined;
  /**
   * The PKCS#11 module, or the path of its library.
   *
   * By default the key's own, the `module-path` of its URI, or the registered module with its token.
   */
  readonly module?: Module | string | undefined;
  /** The path of GnuTLS's library. By default the system's. */
  readonly gnutls?: string | undefined;
  /** Cancels the making. */
  readonly signal?: AbortSignal | null | undefined;
}

/** Where a connection leads. */
export interface TokenTlsTarget {
  /** The host's name or address: the server must show a certificate for it. */
  readonly host: string;
  /** The port. */
  readonly port: number;
  /** False reports what is wrong with the server's certificate instead of refusing it. */
  readonly strict: boolean;
  /** Whom to trust; null is the system's store. */
  readonly roots: RootCertificates | null;
  /** Ends the handshake. */
  readonly signal: AbortSignal;
  /** What is offered to the server (RFC 7301). @default {["http/1.1"]} */
  readonly alpnProtocols?: readonly string[] | undefined;
}

/** A connection that is encrypted. */
export interface TokenTlsStream extends ByteDuplex {
  /** The decrypted stream as Node has it. */
  readonly duplex: Duplex;
  /** What the handshake has shown. */
  readonly tls: TlsInfo;
}

/** What a certificate holds. */
interface Held {
  readonly key: TokenKey;
  readonly pool: CredentialPool;
  /** By the roots that were trusted: what was not trusted in one way is not taken up in another. */
  readonly resumptions: Map<object, Resumptions>;
}

async function giveUp({ key, pool, resumptions }: Held): Promise<void> {
  pool.close();
  for (const each of resumptions.values()) each.clear();
  resumptions.clear();
  await key.close();
}

/** Sees to it that the token is logged in to, and that nobody gets what a login that is gone has left. */
function* becomeReady(gnutls: Gnutls, key: TokenKey, pool: CredentialPool): Work<void> {
  if (yield* key.ready(gnutls)) pool.giveUpAll();
}

/** A certificate that was dropped without close(): its login ends, and no PIN stays behind. */
const dropped = new FinalizationRegistry<Held>((held) => {
  // Nobody is left to hear that a token has gone meanwhile.
  giveUp(held).catch(() => {});
});

/** There as soon as there is a certificate. */
let connections: typeof Connections;

let newCertificate: (
  gnutls: Gnutls,
  key: TokenKey,
  chain: readonly Uint8Array[],
  roots: Roots | null,
) => TokenCertificate;

/** The key of a certificate. */
export let keyOf: (certificate: TokenCertificate) => TokenKey;

/**
 * A client certificate whose key stays in its token: what `clientCertificate` of an HTTP session takes. It keeps the token
 * logged in until it is closed. It comes from {@linkcode tokenCertificate}.
 *
 * @example A session of HTTP with a key in a token
 * ```ts
 * import { HttpSession, tokenCertificate } from "@gp11/gp11";
 *
 * async function whoAmI(pin: string): Promise<string> {
 *   await using clientCertificate = await tokenCertificate({
 *     certificate: "pkcs11:token=My%20card;object=web;type=cert",
 *     key: "pkcs11:token=My%20card;object=web;type=private",
 *     pin,
 *   });
 *   await using session = new HttpSession({ clientCertificate });
 *   return await (await session.fetch("https://intranet.example/whoami")).text();
 * }
 * ```
 */
export class TokenCertificate implements AsyncDisposable, Disposable {
  readonly #gnutls: Gnutls;
  readonly #held: Held;
  readonly #roots: Roots | null;
  readonly #ready: () => Work<void>;

  static {
    newCertificate = (gnutls, key, chain, roots) => new TokenCertificate(gnutls, key, chain, roots);
    keyOf = (certificate) => certificate.#held.key;
  }

  private constructor(gnutls: Gnutls, key: TokenKey, chain: readonly Uint8Array[], roots: Roots | null) {
    this.#gnutls = gnutls;
    // It must not hold this object, which would never be collected then.
    const ready = () => becomeReady(gnutls, key, pool);
    const pool: CredentialPool = new connections.CredentialPool(gnutls, { chain, keyUri: key.uri }, ready);
    this.#ready = ready;
    this.#held = { key, pool, resumptions: new Map() };
    this.#roots = roots;
    dropped.register(this, this.#held, this);
  }

  /**
   * Does the TLS handshake over a connected stream, with a signature by the token; what a session of HTTP calls. A server
   * whose certificate is not trusted is named in `tls.errors`; with `strict` the stream is dead then.
   *
   * @throws {TlsError} when the handshake fails
   * @throws {Pkcs11Error} when the token cannot be logged in to any more
   */
  async connect(socket: ByteDuplex, target: TokenTlsTarget): Promise<TokenTlsStream> {
    const { duplex, tls } = await this.open(fromByteDuplex(socket), { ...target, allowHalfOpen: true });
    return Object.assign(toByteDuplex(duplex), { duplex, tls });
  }

  /**
   * Begins TLS for a thread that waits; what a session of HTTP calls in `sendMessageSync`. The token signs in place.
   *
   * @throws {Pkcs11Error} when the token cannot be logged in to any more
   */
  connectSync(target: Omit<TokenTlsTarget, "signal">): BlockingTls {
    const { alpnProtocols = ["http/1.1"], port, strict } = target;
    const host = bareHost(target.host);
    const roots = this.#roots ?? rootsOf(target.roots);
    const credentials = connections.inPlace(this.#take(roots));
    try {
      const resumptions = this.#resumptionsFor(roots);
      const { read, session } = connections.beginSession(this.#gnutls, {
        alpnProtocols,
        host,
        port,
        resumptions,
        strict,
      });
      session.use(credentials);
      return new connections.BlockingStream(this.#gnutls, session, {
        host,
        strict,
        read,
        shaken: (error) => this.#takeBack(credentials, error),
      });
    } catch (error) {
      this.#takeBack(credentials, error);
      throw error;
    }
  }

  /**
   * {@linkcode TokenCertificate.connect} between streams of Node.
   *
   * @internal
   */
  async open(raw: Duplex, target: TokenTlsTarget & { readonly allowHalfOpen: boolean }): Promise<Secured> {
    const { allowHalfOpen, alpnProtocols = ["http/1.1"], port, signal, strict } = target;
    const host = bareHost(target.host);
    const roots = this.#roots ?? rootsOf(target.roots);
    const resumptions = this.#resumptionsFor(roots);
    const working = this.#lending(roots, (lender) =>
      connections.secureStream(this.#gnutls, raw, lender, {
        host,
        port,
        strict,
        alpnProtocols,
        allowHalfOpen,
        signal,
        resumptions,
      }));
    try {
      const secured = await orAborted(working, signal);
      secured.duplex.secured();
      return secured;
    } catch (error) {
      raw.destroy();
      // It may come too late for whoever has given up.
      working.then(({ duplex }) => void duplex.destroy(), () => {});
      throw error;
    }
  }

  async #lending<T>(roots: Roots, use: (lender: Lender) => Promise<T>): Promise<T> {
    const { key, pool } = this.#held;
    let lent: Credentials | null = null;
    let failure: unknown = null;
    const giveBack = () => {
      if (lent !== null) this.#takeBack(lent, failure);
      lent = null;
    };
    // Nobody needs to wait for the server where the token is known to refuse.
    if (key.isRefused) await connections.onEventLoop(this.#ready());
    try {
      return await use({
        take: async () => lent = await connections.onEventLoop(pool.take(roots)),
        check: (block) => key.check(this.#gnutls, block),
        renew: async () => {
          await connections.onEventLoop(this.#ready());
          giveBack();
          return lent = await connections.onEventLoop(pool.take(roots));
        },
      });
    } catch (error) {
      throw failure = error;
    } finally {
      giveBack();
    }
  }

  #takeBack(credentials: Credentials, error: unknown): void {
    // The token was taken away, or somebody has logged out: what GnuTLS has opened on it stays of no use.
    const { pool } = this.#held;
    if (isTokenFailure(error)) pool.giveUpAll();
    pool.give(credentials);
  }

  *#take(roots: Roots): Work<Credentials> {
    yield* this.#ready();
    return yield* this.#held.pool.take(roots);
  }

  #resumptionsFor({ key }: Roots): Resumptions {
    const all = this.#held.resumptions;
    let resumptions = all.get(key);
    if (resumptions === undefined) all.set(key, resumptions = new connections.Resumptions());
    return resumptions;
  }

  /**
   * Looks whether the certificate can be used, so that a wrong one is refused before anybody waits for it.
   *
   * @internal
   */
  async check(): Promise<void> {
    const credentials = await connections.onEventLoop(this.#take(this.#roots ?? rootsOf(null)));
    this.#takeBack(credentials, null);
  }

  /** Ends the login, overwrites the PIN, and makes no connection any more; those that are there go on. */
  async close(): Promise<void> {
    dropped.unregister(this);
    await giveUp(this.#held);
  }

  /** {@linkcode TokenCertificate.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** {@linkcode TokenCertificate.close}, without waiting for it. */
  [Symbol.dispose](): void {
    this.close().catch(reportUncaught);
  }
}

/**
 * Makes a client certificate of a key that never leaves its token: TLS with the system's GnuTLS, which uses the token
 * through the same PKCS#11 module. The certificate and the key are tried before this resolves.
 *
 * @throws {NotSupportedError} where there is no GnuTLS with PKCS#11 (3.6.5 or later); it says what to install
 * @throws {Pkcs11Error} when the token refuses the PIN, or the login
 * @throws {ObjectNotFoundError} when the token has no such key or certificate
 * @throws {TlsError} when GnuTLS cannot use the key, or it is not the certificate's
 * @throws {TypeError} for input of a wrong kind
 */
export async function tokenCertificate(options: TokenCertificateOptions): Promise<TokenCertificate> {
  checkInput(options);
  const { ca, gnutls: library, key, module, pin: given, signal } = options;
  const roots = ca === undefined ? null : readAuthorities(ca);
  // Bytes are taken as they are now: whoever has given them may overwrite them while this goes on.
  const certificate = ownChain(options.certificate);
  const pin = given === undefined ? undefined : keptPin(given) as Uint8Array<ArrayBuffer> | null;
  let parts: ReturnType<typeof Connections.checkChain>;
  let tokenKey: TokenKey;
  let gnutls: Gnutls;
  try {
    connections ??= await import("./connections.ts");
    gnutls = connections.openGnutls(library);
    // Before a PIN is tried.
    parts = connections.checkChain(certificate);
    tokenKey = await connections.TokenKey.open({ key, module, pin, signal });
  } finally {
    forgetPin(pin);
  }
  try {
    const chain = await connections.readChain(parts, tokenKey.session, { signal });
    await connections.addModule(gnutls, tokenKey.modulePath);
    const made = newCertificate(gnutls, tokenKey, chain, roots);
    await made.check();
    signal?.throwIfAborted();
    return made;
  } catch (error) {
    await tokenKey.close();
    throw error;
  }
}

function ownChain(given: ChainInput): OwnPart[] {
  const parts = Array.isArray(given) ? given as readonly ChainPart[] : [given as ChainPart];
  if (parts.length === 0) throw new TypeError("Cannot use the client certificate: none was given");
  return parts.map((part) => {
    if (isBytesInput(part)) return copyBytes(part, "the client certificate");
    if (typeof part === "string" || part instanceof Pkcs11Object) return part;
    throw new TypeError(
      `Cannot use the client certificate: expected a pkcs11: URI, PEM text, DER or an object, got ${
        describeType(part)
      }`,
    );
  });
}

function checkInput(options: TokenCertificateOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot use a client certificate: expected { certificate, key }, got ${describeType(options)}`);
  }
  const { gnutls, key, module, signal } = options;
  const refuse = (what: string, value: unknown) =>
    new TypeError(`Cannot use a client certificate: ${what}, got ${describeType(value)}`);
  if (typeof key !== "string" && !(key instanceof Pkcs11Object)) {
    throw refuse("key is a pkcs11: URI or an object of a token", key);
  }
  if (typeof key === "string" && !/^\s*pkcs11:/i.test(key)) {
    throw new TypeError(
      "Cannot use a client certificate: key is a text, but no pkcs11: URI; a key in PEM goes to clientCertificate itself",
    );
  }
  if (gnutls !== undefined && typeof gnutls !== "string") throw refuse("gnutls is the path of a library", gnutls);
  if (module !== undefined && typeof module !== "string" && !(module instanceof Module)) {
    throw refuse("module is a Module or the path of one", module);
  }
  checkSignal("use a client certificate", signal);
}

/** A final dot makes a name absolute for DNS; certificates and SNI do without (RFC 6066 §3). */
function bareHost(host: string): string {
  return host.replace(/\.$/, "");
}
