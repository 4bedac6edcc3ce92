/** What one message says of its own way, in place of what its session says, and how long a request may take. */
import {
  checkOptions,
  milliseconds,
  type OptionNames,
  seconds,
  unexpected,
  wholeNumber,
} from "../../internal/expected.ts";
import { checkClientCertificate, type ClientCertificateOption } from "../transports/client_tls.ts";
import { parseProxyUri, proxyUriOf } from "../transports/proxy_uri.ts";
import type { ProxyTarget, TrustRoots } from "../transports/transport.ts";
import { checkSocketPath } from "../transports/unix_socket.ts";

/** TLS of one message; what is left out is as the session has it. */
export interface MessageTls {
  /** The trusted certificates; null is the runtime's own choice. */
  readonly tlsDatabase?: TrustRoots | null | undefined;
  /** The client's certificate: PEM, a ClientTls, a function of the origin, or null for none. */
  readonly clientCertificate?: ClientCertificateOption | undefined;
  /** Refuse certificates that are not trusted. */
  readonly sslStrict?: boolean | undefined;
}

const tlsMembers: readonly string[] = ["tlsDatabase", "clientCertificate", "sslStrict"];

/** The settings of one message. Undefined and null in `tls`, `maxRedirects` and `timeouts` leave it to the session. */
export class OwnSettings {
  /** The proxy as it was given, and as connections take it; null for none. */
  #proxy: { readonly uri: URL; readonly target: ProxyTarget } | null | undefined = undefined;
  #unixSocket: string | null | undefined = undefined;
  #tls: MessageTls | null = null;
  #maxRedirects: number | null = null;
  #timeouts: MessageTimeouts | null = null;

  /** The proxy's URI. */
  get proxyUri(): URL | null | undefined {
    return this.#proxy && new URL(this.#proxy.uri);
  }

  /** The proxy as connections take it. */
  get proxy(): ProxyTarget | null | undefined {
    return this.#proxy && this.#proxy.target;
  }

  /** Sets the proxy; null goes directly, undefined as the session says. */
  setProxy(value: string | URL | null | undefined): void {
    if (value === null || value === undefined) {
      this.#proxy = value;
      return;
    }
    this.#proxy = { uri: proxyUriOf(value), target: parseProxyUri(value) };
  }

  /** The socket of the file system. */
  get unixSocket(): string | null | undefined {
    return this.#unixSocket;
  }
  set unixSocket(value: string | null | undefined) {
    this.#unixSocket = value === null || value === undefined ? value : checkSocketPath(value);
  }

  /** TLS. */
  get tls(): MessageTls | null {
    return this.#tls;
  }
  set tls(value: MessageTls | null) {
    this.#tls = value === null ? null : checkTls(value);
  }

  /** Redirects that are followed. */
  get maxRedirects(): number | null {
    return this.#maxRedirects;
  }
  set maxRedirects(value: number | null) {
    this.#maxRedirects = value === null ? null : wholeNumber("the message's maxRedirects", value);
  }

  /** Limits of time. */
  get timeouts(): MessageTimeouts | null {
    return this.#timeouts;
  }
  set timeouts(value: MessageTimeouts | null) {
    this.#timeouts = value === null ? null : messageTimeoutsOf("set the message's timeouts", value);
  }
}

/** A copy, so that later changes have no effect. */
function checkTls(value: MessageTls): MessageTls {
  const action = "set the message's tls";
  checkOptions(action, value);
  const foreign = Object.keys(value).find((name) => !tlsMembers.includes(name));
  if (foreign !== undefined) {
    throw new TypeError(`Cannot ${action}: it has no "${foreign}", its members are ${tlsMembers.join(", ")}`);
  }
  const { clientCertificate, sslStrict, tlsDatabase } = value;
  if (clientCertificate !== undefined) checkClientCertificate(clientCertificate);
  if (sslStrict !== undefined && typeof sslStrict !== "boolean") {
    throw unexpected(`${action}.sslStrict`, "true or false", sslStrict);
  }
  if (tlsDatabase !== undefined && tlsDatabase !== null && typeof tlsDatabase.pem !== "function") {
    throw unexpected(`${action}.tlsDatabase`, "a TlsDatabase or null", tlsDatabase);
  }
  return Object.freeze({ clientCertificate, sslStrict, tlsDatabase });
}

/** Limits of time in milliseconds. 0 and Infinity set no limit. */
export interface TimeoutsOptions {
  /**
   * For making one connection: name look-up, TCP, proxy tunnel and TLS. Only a transport that sees these steps can
   * honour it, so such messages go over `node:http`'s sockets; where that is excluded they fail with
   * `NotSupportedError`.
   *
   * @default {0}
   */
  readonly connect?: number | undefined;
  /**
   * For every pause without progress in one attempt, from the moment the request is sent.
   *
   * @default {0}
   */
  readonly idle?: number | undefined;
  /**
   * For the message as a whole, from queueing to the end of the body: waiting, redirects, authentication and retries
   * included.
   *
   * @default {0}
   */
  readonly total?: number | undefined;
}

/** The options of Timeouts. */
export const timeoutNames: OptionNames<TimeoutsOptions> = { connect: true, idle: true, total: true };

/** The limits of {@linkcode TimeoutsOptions} for one message, in seconds as all times of messages. 0 and Infinity set none. */
export interface MessageTimeouts {
  /** For making one connection. */
  readonly connect?: number | undefined;
  /** For every pause without progress in one attempt. */
  readonly idle?: number | undefined;
  /** For the message as a whole. */
  readonly total?: number | undefined;
}

type Limits = { readonly connect?: number; readonly idle?: number; readonly total?: number };

function checked(action: string, options: TimeoutsOptions, check: (name: string, value: unknown) => number): Limits {
  const { connect, idle, total } = checkOptions(action, options);
  return Object.freeze({
    ...(connect === undefined ? {} : { connect: check("the connect timeout", connect) }),
    ...(idle === undefined ? {} : { idle: check("the idle timeout", idle) }),
    ...(total === undefined ? {} : { total: check("the total timeout", total) }),
  });
}

/**
 * Checks limits in milliseconds; those that are left out stay so.
 *
 * @throws {RangeError} If a limit is negative or NaN.
 * @throws {TypeError} If a limit is no number.
 */
export function timeLimitsOf(action: string, options: TimeoutsOptions): TimeoutsOptions {
  return checked(action, options, milliseconds);
}

/** As `timeLimitsOf`, for those of a message, in seconds. */
function messageTimeoutsOf(action: string, options: MessageTimeouts): MessageTimeouts {
  return checked(action, options, seconds);
}

/** The limits of a message in milliseconds. */
export function inMilliseconds({ connect, idle, total }: MessageTimeouts): Limits {
  return {
    ...(connect === undefined ? {} : { connect: connect * 1000 }),
    ...(idle === undefined ? {} : { idle: idle * 1000 }),
    ...(total === undefined ? {} : { total: total * 1000 }),
  };
}
