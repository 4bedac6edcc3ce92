/**
 * The properties of a session that have a value: each with its name, what it begins with, its check, what depends on
 * it, and whether the worker of synchronous sends gets it. Accessors, options and the worker's session follow from
 * this.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import type { SessionProperty } from "../contract/session_events.ts";
import { expandUserAgent, isFieldValue } from "../protocol/headers.ts";
import { parseAliases } from "../protocol/uri.ts";
import { checkClientCertificate, type ClientCertificateOption } from "../transports/client_tls.ts";
import type { HostLookup } from "../transports/host_lookup.ts";
import { emptyBecause, TlsDatabase } from "../transports/tls_database.ts";
import type { Http2Choice, TrustRoots } from "../transports/transport.ts";
import { checkSocketPath, type UnixSocketOption } from "../transports/unix_socket.ts";
import { checkFunction, describeValue, seconds, wholeNumber } from "../../internal/expected.ts";
import { systemAcceptLanguage } from "./language.ts";

/** The values, in the order in which the constructor sets what its options give. */
export interface SessionValues {
  maxConns: number;
  maxConnsPerHost: number;
  timeout: number;
  idleTimeout: number;
  userAgent: string | null;
  acceptLanguage: string | null;
  acceptLanguageAuto: boolean;
  sslStrict: boolean;
  httpAliases: readonly string[] | null;
  httpsAliases: readonly string[] | null;
  sslUseSystemCaFile: boolean;
  sslCaFile: string | null;
  tlsDatabase: TrustRoots | null;
  clientCertificate: ClientCertificateOption;
  useThreadContext: boolean;
  maxHeaderBytes: number;
  maxBodyBytes: number;
  http2: Http2Choice;
  unixSocket: UnixSocketOption;
  lookup: HostLookup | null;
}

/** Name of a value. */
export type SessionValueName = keyof SessionValues;

/** One property. */
export interface SessionValue<T> {
  /** The manual's name; null for what the manual does not have: "notify" is not emitted then. */
  readonly manual: SessionProperty | null;
  /** What it is at the beginning. */
  readonly initial: T;
  /** What in the session has to be looked at again after a change. */
  readonly concerns: "limits" | "idle time" | "connections" | "fields" | "nothing";
  /** The worker of synchronous sends gets it as it is. */
  readonly isSent: boolean;
  /** Brings what a caller gives into the form it is kept in; throws for what the property does not take. */
  read(value: unknown): T;
  /** What else changes with it, once it is written. */
  follow?(values: SessionValues, before: T): void;
}

/** The properties. */
export const sessionValues: { readonly [K in SessionValueName]: SessionValue<SessionValues[K]> } = {
  maxConns: {
    manual: "max-conns",
    initial: 10,
    concerns: "limits",
    isSent: true,
    read: (value) => wholeNumber("max-conns", value, 1),
  },
  maxConnsPerHost: {
    manual: "max-conns-per-host",
    initial: 2,
    concerns: "limits",
    isSent: true,
    read: (value) => wholeNumber("max-conns-per-host", value, 1),
  },
  timeout: {
    manual: "timeout",
    initial: 0,
    concerns: "nothing",
    isSent: true,
    read: (value) => seconds("timeout", value),
  },
  idleTimeout: {
    manual: "idle-timeout",
    initial: 0,
    concerns: "idle time",
    isSent: false,
    read: (value) => seconds("idle-timeout", value),
  },
  userAgent: {
    manual: "user-agent",
    initial: null,
    concerns: "fields",
    isSent: true,
    read: (value) => expandUserAgent(fieldText("user-agent", value)),
  },
  acceptLanguage: {
    manual: "accept-language",
    initial: null,
    concerns: "fields",
    isSent: true,
    read: (value) => fieldText("accept-language", value),
    follow: (values) => values.acceptLanguageAuto = false,
  },
  acceptLanguageAuto: {
    manual: "accept-language-auto",
    initial: false,
    concerns: "fields",
    isSent: false,
    read: (value) => flag("accept-language-auto", value),
    follow: (values) => values.acceptLanguage = values.acceptLanguageAuto ? systemAcceptLanguage() : null,
  },
  sslStrict: {
    manual: "ssl-strict",
    initial: true,
    concerns: "connections",
    isSent: true,
    read: (value) => flag("ssl-strict", value),
  },
  httpAliases: {
    manual: "http-aliases",
    initial: Object.freeze(["*"]),
    concerns: "nothing",
    isSent: true,
    read: parseAliases,
  },
  httpsAliases: {
    manual: "https-aliases",
    initial: null,
    concerns: "nothing",
    isSent: true,
    read: parseAliases,
  },
  sslUseSystemCaFile: {
    manual: "ssl-use-system-ca-file",
    initial: true,
    concerns: "connections",
    isSent: false,
    read: (value) => flag("ssl-use-system-ca-file", value),
    follow(values) {
      if (values.sslUseSystemCaFile) trust(values, TlsDatabase.system);
      else if (values.tlsDatabase === TlsDatabase.system) trust(values, null);
    },
  },
  sslCaFile: {
    manual: "ssl-ca-file",
    initial: null,
    concerns: "connections",
    isSent: false,
    read: (value) => {
      if (value === null || typeof value === "string") return value;
      throw new TypeError("Cannot set ssl-ca-file: the value is no path");
    },
    follow(values, before) {
      const file = values.sslCaFile;
      if (file !== null) trust(values, databaseOf(file), file);
      else if (before !== null) trust(values, null);
    },
  },
  tlsDatabase: {
    manual: "tls-database",
    initial: TlsDatabase.system,
    concerns: "connections",
    isSent: false,
    read: (value) => {
      if (value === null || typeof (value as Partial<TrustRoots> | undefined)?.pem === "function") {
        return value as TrustRoots | null;
      }
      throw new TypeError(
        "Cannot set tls-database: the value is no TlsDatabase, which TlsDatabase.fromPem makes of certificates",
      );
    },
    follow(values, before) {
      if (values.tlsDatabase !== before) trust(values, values.tlsDatabase);
    },
  },
  clientCertificate: {
    manual: null,
    initial: null,
    concerns: "connections",
    isSent: false,
    read: (value) => {
      checkClientCertificate(value as ClientCertificateOption);
      return value as ClientCertificateOption;
    },
  },
  useThreadContext: {
    manual: "use-thread-context",
    initial: false,
    concerns: "nothing",
    isSent: false,
    read: (value) => flag("use-thread-context", value),
  },
  maxHeaderBytes: {
    manual: null,
    initial: 256 * 1024,
    concerns: "nothing",
    isSent: true,
    read: (value) => wholeNumber("maxHeaderBytes", value, 1),
  },
  maxBodyBytes: {
    manual: null,
    initial: 256 * 1024 * 1024,
    concerns: "nothing",
    isSent: true,
    read: (value) => wholeNumber("maxBodyBytes", value, 1),
  },
  http2: {
    manual: null,
    initial: "auto",
    concerns: "connections",
    isSent: true,
    read: (value) => {
      if (value === "auto" || value === "required" || value === false) return value;
      throw new TypeError(`Cannot set http2 to ${describeValue(value)}: it is "auto", "required" or false`);
    },
  },
  unixSocket: {
    manual: null,
    initial: null,
    concerns: "connections",
    isSent: false,
    read: (value) => {
      if (value === null || typeof value === "function") return value as UnixSocketOption;
      return checkSocketPath(value);
    },
  },
  lookup: {
    manual: null,
    initial: null,
    concerns: "connections",
    isSent: false,
    read: (value) => {
      if (value !== null) checkFunction("set lookup", value, "a function or null");
      return value as HostLookup | null;
    },
  },
};

/** The names of the values, in the order in which the constructor sets them. */
export const sessionValueNames: readonly SessionValueName[] = Object.keys(sessionValues) as SessionValueName[];

/** What every session begins with. */
export function initialValues(): SessionValues {
  return Object.fromEntries(
    sessionValueNames.map((name) => [name, sessionValues[name].initial]),
  ) as unknown as SessionValues;
}

/** The values the worker of synchronous sends gets. */
export function sentValues(values: SessionValues): Partial<SessionValues> {
  return Object.fromEntries(
    sessionValueNames.filter((name) => sessionValues[name].isSent).map((name) => [name, values[name]]),
  );
}

/** Trusts a database: the three TLS properties are three ways to say which. */
function trust(values: SessionValues, database: TrustRoots | null, file: string | null = null): void {
  values.tlsDatabase = database;
  values.sslCaFile = file;
  values.sslUseSystemCaFile = database === TlsDatabase.system;
}

/** The certificates of a file. One that cannot be loaded gives none: nobody is trusted, and a warning says so. */
function databaseOf(file: string): TlsDatabase {
  try {
    return TlsDatabase.fromFile(file);
  } catch (error) {
    builtin.process.emitWarning(`Cannot load ssl-ca-file ${file}, so no certificate is trusted: ${String(error)}`);
    return emptyBecause(`sslCaFile could not be loaded from ${file}`);
  }
}

/** Checks a yes or no. */
export function flag(name: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new TypeError(`Cannot set ${name} to ${describeValue(value)}: it must be true or false`);
}

function fieldText(name: string, value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value !== "string") {
    throw new TypeError(`Cannot set ${name} to ${describeValue(value)}: it must be a string or null`);
  }
  if (!isFieldValue(value)) throw new TypeError(`Cannot set ${name}: the value holds CR, LF or NUL`);
  return value;
}
