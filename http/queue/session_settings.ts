/**
 * The values of a session's properties, and what is made of several of them: header fields and TLS settings.
 *
 * @module
 */
import type { SessionProperty } from "../contract/session_events.ts";
import { checkPair, clientCertificateFor, isSameClient } from "../transports/client_tls.ts";
import { type HttpMessage, messageState } from "../message/message.ts";
import type { MessageTls } from "../message/own_settings.ts";
import type { SchemeClass } from "../protocol/uri.ts";
import { isSameRoots } from "../transports/tls_database.ts";
import type { TlsSettings } from "../transports/transport.ts";
import type { FeatureList } from "./feature_list.ts";
import {
  initialValues,
  type SessionValue,
  type SessionValueName,
  sessionValueNames,
  type SessionValues,
  sessionValues,
} from "./session_properties.ts";

/** Settings of messages that are remembered; those of more are made anew, and so are their connections. */
const MAX_OWN_TLS = 64;

function isSameTls(one: TlsSettings, other: TlsSettings): boolean {
  return one.strict === other.strict && isSameClient(one.client, other.client) && isSameRoots(one.roots, other.roots);
}

/** The settings of one session. */
export class SessionSettings {
  /** What the properties read. */
  readonly values: Readonly<SessionValues>;
  readonly #values: SessionValues = initialValues();
  #tls: TlsSettings | null = null;
  #tlsByOrigin: Map<string, TlsSettings> | null = null;
  #anonymousTls: TlsSettings | null = null;
  /** Settings that messages of their own have had, the latest last. */
  #ownTls: TlsSettings[] = [];

  constructor() {
    this.values = this.#values;
  }

  /**
   * Sets a property. Returns the manual's names of those that read differently now, the property's own first.
   *
   * @throws {TypeError | RangeError} For a value the property does not take; nothing has changed then.
   */
  set<K extends SessionValueName>(name: K, given: unknown): readonly SessionProperty[] {
    const values = this.#values;
    const { concerns, follow, manual, read } = sessionValues[name] as SessionValue<SessionValues[K]>;
    const value = read(given);
    const before = { ...values };
    values[name] = value;
    follow?.(values, before[name]);
    const changed = sessionValueNames.filter((each) => values[each] !== before[each]);
    if (concerns === "connections" && changed.length > 0) {
      this.#tls = this.#anonymousTls = null;
      this.#tlsByOrigin = null;
    }
    const others = changed.filter((each) => each !== name).map((each) => sessionValues[each].manual);
    return [manual, ...others].filter((each) => each !== null);
  }

  /** False as long as `httpAliases` is what the manual begins with. */
  get hasOwnHttpAliases(): boolean {
    return this.#values.httpAliases !== sessionValues.httpAliases.initial;
  }

  /** Fields for messages that lack them: the session's own and those the features ask for. */
  fields(fromFeatures: ReadonlyArray<readonly [string, string]>): ReadonlyArray<readonly [string, string]> {
    const { acceptLanguage, userAgent } = this.#values;
    const fields: (readonly [string, string])[] = [];
    if (userAgent !== null) fields.push(["user-agent", userAgent]);
    if (acceptLanguage !== null) fields.push(["accept-language", acceptLanguage]);
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

  /** TLS settings for an origin: the same object until something changes, so that connections can be compared by it. */
  tlsFor(origin: string): TlsSettings {
    const { clientCertificate: client } = this.#values;
    if (typeof client !== "function") return this.#tls ??= this.#tlsWith(client);
    this.#tlsByOrigin ??= new Map();
    const known = this.#tlsByOrigin.get(origin);
    const chosen = clientCertificateFor(client, origin);
    if (known !== undefined && isSameClient(known.client, chosen)) return known;
    checkPair(chosen);
    const settings = this.#tlsWith(chosen);
    this.#tlsByOrigin.set(origin, settings);
    return settings;
  }

  /** TLS settings without a client certificate. */
  get anonymousTls(): TlsSettings {
    if (this.#values.clientCertificate === null) return this.tlsFor("");
    return this.#anonymousTls ??= this.#tlsWith(null);
  }

  /**
   * TLS settings of a message that has some of its own: the same object for the same settings, so that connections are
   * shared among such messages, and with nobody else.
   */
  ownTls(origin: string, own: MessageTls, isAnonymous: boolean): TlsSettings {
    const { clientCertificate, sslStrict, tlsDatabase } = this.#values;
    const option = own.clientCertificate === undefined ? clientCertificate : own.clientCertificate;
    const wanted: TlsSettings = {
      strict: own.sslStrict ?? sslStrict,
      roots: own.tlsDatabase === undefined ? tlsDatabase : own.tlsDatabase,
      client: isAnonymous ? null : clientCertificateFor(option, origin),
    };
    const usual = isAnonymous ? this.anonymousTls : this.tlsFor(origin);
    if (isSameTls(usual, wanted)) return usual;
    const known = this.#ownTls.find((each) => isSameTls(each, wanted));
    if (known !== undefined) return known;
    checkPair(wanted.client);
    if (this.#ownTls.length >= MAX_OWN_TLS) this.#ownTls.shift();
    this.#ownTls.push(wanted);
    return wanted;
  }

  #tlsWith(client: TlsSettings["client"]): TlsSettings {
    return { strict: this.#values.sslStrict, roots: this.#values.tlsDatabase, client };
  }
}

type FieldList = ReadonlyArray<readonly [name: string, value: string]>;

/**
 * The fields that messages get which lack them, made once for all of a scheme: who gets the same list again need not look at
 * it again.
 */
export class DefaultFields {
  readonly #settings: SessionSettings;
  readonly #features: FeatureList;
  readonly #made: Record<"fetch" | "message", Partial<Record<SchemeClass, FieldList>>> = { fetch: {}, message: {} };

  constructor(settings: SessionSettings, features: FeatureList) {
    this.#settings = settings;
    this.#features = features;
  }

  /** The fields of a message, with what the Fetch standard adds if it comes from `session.fetch`. */
  of(msg: HttpMessage, scheme: SchemeClass, isFetch: boolean): FieldList {
    // Some features may be none of this message's.
    if (messageState(msg).disabled !== null) return this.#make(scheme, isFetch, msg);
    const made = isFetch ? this.#made.fetch : this.#made.message;
    return made[scheme] ??= this.#make(scheme, isFetch, null);
  }

  /** A property or feature has changed. */
  changed(): void {
    this.#made.fetch = {};
    this.#made.message = {};
  }

  #make(scheme: SchemeClass, isFetch: boolean, msg: HttpMessage | null): FieldList {
    const fields = this.#settings.fields(this.#features.requestDefaults(scheme, msg));
    return isFetch ? this.#settings.fetchFields(fields) : fields;
  }
}
