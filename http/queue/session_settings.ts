/**
 * The values of a session's properties, their checks and what depends on them.
 *
 * @module
 */
import process from "node:process";
import { checkClientCertificate, clientCertificateFor, isSameClient } from "../transports/client_tls.ts";
import { isFieldValue } from "../protocol/headers.ts";
import { systemAcceptLanguage } from "./language.ts";
import type { ClientCertificateOption } from "../transports/client_tls.ts";
import { TlsDatabase } from "../transports/tls_database.ts";
import type { TlsSettings, TrustRoots } from "../transports/transport.ts";
import { parseAliases } from "../protocol/uri.ts";
import { expandUserAgent } from "../protocol/user_agent.ts";

/** Default size limit of a header section: 256 KiB. */
const defaultHeaderBytes = 256 * 1024;
/** Default size limit of a body kept in memory: 256 MiB. */
const defaultBodyBytes = 256 * 1024 * 1024;

/** Values of one session. Setters check; the session tells who listens. */
export class SessionSettings {
  maxConns = 10;
  maxConnsPerHost = 2;
  timeout = 0;
  idleTimeout = 0;
  userAgent: string | null = null;
  acceptLanguage: string | null = null;
  acceptLanguageAuto = false;
  httpAliases: readonly string[] | null = ["*"];
  httpsAliases: readonly string[] | null = null;
  useThreadContext = false;
  maxHeaderBytes: number = defaultHeaderBytes;
  maxBodyBytes: number = defaultBodyBytes;
  #strict = true;
  #database: TrustRoots | null = TlsDatabase.system;
  #caFile: string | null = null;
  #client: ClientCertificateOption = null;
  #tls: TlsSettings | null = null;
  #tlsByOrigin: Map<string, TlsSettings> | null = null;
  #anonymousTls: TlsSettings | null = null;

  /** Fields for messages that lack them: the session's own and those the features ask for. */
  fields(fromFeatures: ReadonlyArray<readonly [string, string]>): ReadonlyArray<readonly [string, string]> {
    const fields: (readonly [string, string])[] = [];
    if (this.userAgent !== null) fields.push(["user-agent", this.userAgent]);
    if (this.acceptLanguage !== null) fields.push(["accept-language", this.acceptLanguage]);
    fields.push(["connection", "Keep-Alive"]);
    for (const field of fromFeatures) if (!fields.some(([name]) => name === field[0])) fields.push(field);
    return Object.freeze(fields);
  }

  /** The fields of messages, and what the Fetch standard adds for its callers (§4.6): Accept and a User-Agent. */
  fetchFields(fields: ReadonlyArray<readonly [string, string]>): ReadonlyArray<readonly [string, string]> {
    const names = new Set(fields.map(([name]) => name));
    const added = ([["accept", "*/*"], ["user-agent", navigator.userAgent]] as const).filter(([name]) =>
      !names.has(name)
    );
    return Object.freeze([...fields, ...added]);
  }

  setUserAgent(value: unknown): void {
    this.userAgent = expandUserAgent(fieldText("user-agent", value));
  }

  setAcceptLanguage(value: unknown): void {
    this.acceptLanguage = fieldText("accept-language", value);
    this.acceptLanguageAuto = false;
  }

  setAcceptLanguageAuto(value: unknown): void {
    this.acceptLanguageAuto = flag("accept-language-auto", value);
    this.acceptLanguage = this.acceptLanguageAuto ? systemAcceptLanguage() : null;
  }

  /** False as long as `httpAliases` is what the manual begins with. */
  hasOwnHttpAliases = false;

  setHttpAliases(value: unknown): void {
    this.httpAliases = parseAliases(value);
    this.hasOwnHttpAliases = true;
  }

  setHttpsAliases(value: unknown): void {
    this.httpsAliases = parseAliases(value);
  }

  get sslStrict(): boolean {
    return this.#strict;
  }
  set sslStrict(value: unknown) {
    this.#strict = flag("ssl-strict", value);
    this.#tlsChanged();
  }

  get tlsDatabase(): TrustRoots | null {
    return this.#database;
  }
  set tlsDatabase(value: TrustRoots | null) {
    if (value !== null && (typeof value !== "object" || typeof value.pem !== "function")) {
      throw new TypeError("Cannot set tls-database: the value is no TlsDatabase");
    }
    if (value === this.#database) return;
    this.#database = value;
    this.#caFile = null;
    this.#tlsChanged();
  }

  get sslUseSystemCaFile(): boolean {
    return this.#database === TlsDatabase.system;
  }
  set sslUseSystemCaFile(value: unknown) {
    if (flag("ssl-use-system-ca-file", value)) this.tlsDatabase = TlsDatabase.system;
    else if (this.sslUseSystemCaFile) this.tlsDatabase = null;
  }

  get sslCaFile(): string | null {
    return this.#caFile;
  }
  /** A file that cannot be loaded leaves an empty database: nobody is trusted, and a warning says so. */
  set sslCaFile(value: unknown) {
    if (value === null) {
      if (this.#caFile !== null) this.tlsDatabase = null;
      return;
    }
    if (typeof value !== "string") throw new TypeError("Cannot set ssl-ca-file: the value is no path");
    try {
      this.#database = TlsDatabase.fromFile(value);
    } catch (error) {
      this.#database = TlsDatabase.fromPem("");
      process.emitWarning(`Cannot load ssl-ca-file ${value}, so no certificate is trusted: ${String(error)}`);
    }
    this.#caFile = value;
    this.#tlsChanged();
  }

  get clientCertificate(): ClientCertificateOption {
    return this.#client;
  }
  set clientCertificate(value: ClientCertificateOption) {
    checkClientCertificate(value);
    this.#client = value;
    this.#tlsChanged();
  }

  /** TLS settings for an origin: the same object until something changes, so that connections can be compared by it. */
  tlsFor(origin: string): TlsSettings {
    const client = this.#client;
    if (typeof client !== "function") {
      return this.#tls ??= { strict: this.#strict, roots: this.#database, client };
    }
    this.#tlsByOrigin ??= new Map();
    const known = this.#tlsByOrigin.get(origin);
    const chosen = clientCertificateFor(client, origin);
    if (known !== undefined && isSameClient(known.client, chosen)) return known;
    const settings = { strict: this.#strict, roots: this.#database, client: chosen };
    this.#tlsByOrigin.set(origin, settings);
    return settings;
  }

  /** TLS settings without a client certificate. */
  get anonymousTls(): TlsSettings {
    if (this.#client === null) return this.tlsFor("");
    return this.#anonymousTls ??= { strict: this.#strict, roots: this.#database, client: null };
  }

  #tlsChanged(): void {
    this.#tls = this.#anonymousTls = null;
    this.#tlsByOrigin = null;
  }
}

/** Checks a yes or no. */
export function flag(name: string, value: unknown): boolean {
  if (typeof value !== "boolean") {
    throw new TypeError(`Cannot set ${name} to ${String(value)}: it must be true or false`);
  }
  return value;
}

function fieldText(name: string, value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value !== "string") {
    throw new TypeError(`Cannot set ${name} to ${String(value)}: it must be a string or null`);
  }
  if (!isFieldValue(value)) throw new TypeError(`Cannot set ${name}: the value holds CR, LF or NUL`);
  return value;
}
