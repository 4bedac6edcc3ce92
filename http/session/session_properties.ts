/**
 * The manual's names of a session's properties.
 *
 * @module
 */
import type { SessionProperty } from "./session_options.ts";

/** The manual's names and the accessors behind them. */
const accessors: Readonly<Record<SessionProperty, string | null>> = {
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
};

/** The manual's names of all 20 properties. */
export const sessionProperties: readonly SessionProperty[] = Object.keys(accessors) as SessionProperty[];

/** The accessor behind a name; null for the three that only act when set. */
export function accessorOf(name: SessionProperty): string | null {
  if (!Object.hasOwn(accessors, name)) throw new TypeError(`Cannot find the property ${JSON.stringify(name)}`);
  return accessors[name];
}
