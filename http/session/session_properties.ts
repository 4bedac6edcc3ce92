/**
 * The properties of a session: one accessor each, and access by the manual's names.
 *
 * @module
 */
import { TypedEventTarget, type TypedListener } from "../../internal/events.ts";
import type { SessionFeature } from "../contract/feature.ts";
import type { ConstructibleFeatureType, FeatureType } from "../message/feature_type.ts";
import { type HttpSessionEvents, NotifyEvent } from "../contract/session_events.ts";
import type { SessionProperty } from "./session_options.ts";
import type { ClientCertificateOption } from "../transports/client_tls.ts";
import type { AsyncContext } from "../contract/feature_session.ts";
import { flag, SessionSettings } from "../queue/session_settings.ts";
import { seconds, wholeNumber } from "../../internal/time_limits.ts";
import type { TrustRoots } from "../transports/transport.ts";

/** The manual's names and the accessors behind them. */
const accessors = {
  "accept-language": "acceptLanguage",
  "accept-language-auto": "acceptLanguageAuto",
  "add-feature": null,
  "add-feature-by-type": null,
  "async-context": "asyncContext",
  "http-aliases": "httpAliases",
  "https-aliases": "httpsAliases",
  "idle-timeout": "idleTimeout",
  "max-conns": "maxConns",
  "max-conns-per-host": "maxConnsPerHost",
  "proxy-uri": "proxyUri",
  "remove-feature-by-type": null,
  "ssl-ca-file": "sslCaFile",
  "ssl-strict": "sslStrict",
  "ssl-use-system-ca-file": "sslUseSystemCaFile",
  "timeout": "timeout",
  "tls-database": "tlsDatabase",
  "use-ntlm": "useNtlm",
  "use-thread-context": "useThreadContext",
  "user-agent": "userAgent",
} as const satisfies Record<SessionProperty, string | null>;

/** The manual's names of all 20 properties. */
export const sessionProperties: readonly SessionProperty[] = Object.keys(accessors) as SessionProperty[];

/** The properties of `HttpSession`. A change is told by `notify`, with the manual's name. */
export abstract class SessionProperties extends TypedEventTarget<HttpSessionEvents> {
  /**
   * The values.
   *
   * @internal
   */
  protected readonly settings: SessionSettings = new SessionSettings();
  /** What runs the session's work, as given to the constructor. */
  protected context: AsyncContext | null = null;
  #listened: Set<string> | null = null;

  /** Does what a changed property asks of the rest of the session. */
  protected abstract changed(property: SessionProperty): void;

  /** Adds a feature (`soup_session_add_feature`). */
  abstract addFeature(feature: SessionFeature): void;
  /** Adds by class (`soup_session_add_feature_by_type`). */
  abstract addFeatureByType(type: ConstructibleFeatureType): void;
  /** Removes by class (`soup_session_remove_feature_by_type`). */
  abstract removeFeatureByType(type: FeatureType): void;

  /** Connections at once, from 1 (`SoupSession:max-conns`). @default {10} */
  get maxConns(): number {
    return this.settings.maxConns;
  }
  set maxConns(value: number) {
    this.settings.maxConns = wholeNumber("max-conns", value, 1);
    this.#told("max-conns");
  }

  /** Connections at once to one host, from 1 (`SoupSession:max-conns-per-host`). @default {2} */
  get maxConnsPerHost(): number {
    return this.settings.maxConnsPerHost;
  }
  set maxConnsPerHost(value: number) {
    this.settings.maxConnsPerHost = wholeNumber("max-conns-per-host", value, 1);
    this.#told("max-conns-per-host");
  }

  /** File with the trusted certificates, or null (`SoupSession:ssl-ca-file`). @default {null} */
  get sslCaFile(): string | null {
    return this.settings.sslCaFile;
  }
  set sslCaFile(value: string | null) {
    this.#tlsChange("ssl-ca-file", () => this.settings.sslCaFile = value);
  }

  /** What runs the session's work (`SoupSession:async-context`); given to the constructor only. @default {null} */
  get asyncContext(): AsyncContext | null {
    return this.context;
  }

  /** Seconds without progress after which a message fails; 0 never (`SoupSession:timeout`). @default {0} */
  get timeout(): number {
    return this.settings.timeout;
  }
  set timeout(value: number) {
    this.settings.timeout = seconds("timeout", value);
    this.#told("timeout");
  }

  /** Seconds after which an idle connection is closed; 0 never (`SoupSession:idle-timeout`). @default {0} */
  get idleTimeout(): number {
    return this.settings.idleTimeout;
  }
  set idleTimeout(value: number) {
    this.settings.idleTimeout = seconds("idle-timeout", value);
    this.#told("idle-timeout");
  }

  /**
   * User-Agent of every message, replacing the message's own; null leaves it alone (`SoupSession:user-agent`). An empty
   * text is this library's token, trailing space appends it. @default {null}
   */
  get userAgent(): string | null {
    return this.settings.userAgent;
  }
  set userAgent(value: string | null) {
    this.settings.setUserAgent(value);
    this.#told("user-agent");
  }

  /** Accept-Language of messages that have none (`SoupSession:accept-language`). @default {null} */
  get acceptLanguage(): string | null {
    return this.settings.acceptLanguage;
  }
  set acceptLanguage(value: string | null) {
    const wasAuto = this.settings.acceptLanguageAuto;
    this.settings.setAcceptLanguage(value);
    this.#told("accept-language");
    if (wasAuto) this.#told("accept-language-auto");
  }

  /** Accept-Language from the user's environment (`SoupSession:accept-language-auto`). @default {false} */
  get acceptLanguageAuto(): boolean {
    return this.settings.acceptLanguageAuto;
  }
  set acceptLanguageAuto(value: boolean) {
    const before = this.settings.acceptLanguage;
    this.settings.setAcceptLanguageAuto(value);
    this.#told("accept-language-auto");
    if (before !== this.settings.acceptLanguage) this.#told("accept-language");
  }

  /** Refuse certificates that are not trusted (`SoupSession:ssl-strict`). @default {true} */
  get sslStrict(): boolean {
    return this.settings.sslStrict;
  }
  set sslStrict(value: boolean) {
    this.#tlsChange("ssl-strict", () => this.settings.sslStrict = value);
  }

  /** URI schemes that mean http; `["*"]` is every scheme (`SoupSession:http-aliases`). @default {["*"]} */
  get httpAliases(): readonly string[] | null {
    return this.settings.httpAliases;
  }
  set httpAliases(value: readonly string[] | string | null) {
    this.settings.setHttpAliases(value);
    this.#told("http-aliases");
  }

  /** URI schemes that mean https: a list or a comma-separated text (`SoupSession:https-aliases`). @default {null} */
  get httpsAliases(): readonly string[] | null {
    return this.settings.httpsAliases;
  }
  set httpsAliases(value: readonly string[] | string | null) {
    this.settings.setHttpsAliases(value);
    this.#told("https-aliases");
  }

  /** Trust the system's certificates (`SoupSession:ssl-use-system-ca-file`). @default {true} */
  get sslUseSystemCaFile(): boolean {
    return this.settings.sslUseSystemCaFile;
  }
  set sslUseSystemCaFile(value: boolean) {
    this.#tlsChange("ssl-use-system-ca-file", () => this.settings.sslUseSystemCaFile = value);
  }

  /** The trusted certificates; null is the runtime's own choice (`SoupSession:tls-database`). @default {TlsDatabase.system} */
  get tlsDatabase(): TrustRoots | null {
    return this.settings.tlsDatabase;
  }
  set tlsDatabase(value: TrustRoots | null) {
    this.#tlsChange("tls-database", () => this.settings.tlsDatabase = value);
  }

  /** The client's certificate: PEM, a ClientTls, or a function of the origin. @default {null} */
  get clientCertificate(): ClientCertificateOption {
    return this.settings.clientCertificate;
  }
  set clientCertificate(value: ClientCertificateOption) {
    this.settings.clientCertificate = value;
    this.changed("tls-database");
  }

  /** Run work in the context current when a message is queued (`SoupSession:use-thread-context`). @default {false} */
  get useThreadContext(): boolean {
    return this.settings.useThreadContext;
  }
  set useThreadContext(value: boolean) {
    this.settings.useThreadContext = flag("use-thread-context", value);
    this.#told("use-thread-context");
  }

  /** A property by its manual name. The three that only act when set read as null. */
  get(name: SessionProperty): unknown {
    const accessor = accessorOf(name);
    return accessor === null ? null : (this as unknown as Record<string, unknown>)[accessor];
  }

  /** Sets a property by its manual name. Throws TypeError for unknown names and for "async-context". */
  set(name: SessionProperty, value: unknown): void {
    const accessor = accessorOf(name);
    if (name === "async-context") {
      throw new TypeError("Cannot set async-context: it is given to the constructor only");
    }
    if (accessor !== null) (this as unknown as Record<string, unknown>)[accessor] = value;
    else if (name === "add-feature") this.addFeature(value as SessionFeature);
    else if (name === "add-feature-by-type") this.addFeatureByType(value as ConstructibleFeatureType);
    else this.removeFeatureByType(value as FeatureType);
  }

  /** Adds a listener; see `EventTarget.addEventListener`. */
  override addEventListener<K extends keyof HttpSessionEvents & string>(
    type: K,
    listener: TypedListener<HttpSessionEvents[K]>,
    options?: boolean | AddEventListenerOptions,
  ): void {
    (this.#listened ??= new Set()).add(type);
    super.addEventListener(type, listener, options);
  }

  /** True if the event ever got a listener: events nobody hears are not made. */
  protected isListened(type: keyof HttpSessionEvents): boolean {
    return this.#listened !== null && this.#listened.has(type);
  }

  /** Tells that a property was set. */
  protected notify(property: SessionProperty): void {
    if (this.isListened("notify")) this.dispatchEvent(new NotifyEvent(property));
  }

  #told(property: SessionProperty): void {
    this.changed(property);
    this.notify(property);
  }

  /** TLS properties share one slot: tells every one of them that reads differently now. */
  #tlsChange(property: SessionProperty, change: () => void): void {
    const names = ["ssl-use-system-ca-file", "ssl-ca-file", "tls-database"] as const;
    const before = names.map((name) => this.get(name));
    change();
    this.changed(property);
    this.notify(property);
    names.forEach((name, index) => {
      if (name !== property && this.get(name) !== before[index]) this.notify(name);
    });
  }
}

function accessorOf(name: SessionProperty): (typeof accessors)[SessionProperty] {
  if (!Object.hasOwn(accessors, name)) throw new TypeError(`Cannot find the property ${JSON.stringify(name)}`);
  return accessors[name];
}
