/**
 * The manual's names of a session's properties, and the accessors they stand for.
 *
 * @module
 */

/** The manual's names of the session's properties (`SOUP_SESSION_PROXY_URI` and its siblings). */
export const SessionProperty = {
  PROXY_URI: "proxy-uri",
  MAX_CONNS: "max-conns",
  MAX_CONNS_PER_HOST: "max-conns-per-host",
  USE_NTLM: "use-ntlm",
  SSL_CA_FILE: "ssl-ca-file",
  ASYNC_CONTEXT: "async-context",
  TIMEOUT: "timeout",
  IDLE_TIMEOUT: "idle-timeout",
  USER_AGENT: "user-agent",
  ADD_FEATURE: "add-feature",
  ADD_FEATURE_BY_TYPE: "add-feature-by-type",
  REMOVE_FEATURE_BY_TYPE: "remove-feature-by-type",
  ACCEPT_LANGUAGE: "accept-language",
  ACCEPT_LANGUAGE_AUTO: "accept-language-auto",
  SSL_STRICT: "ssl-strict",
  HTTP_ALIASES: "http-aliases",
  HTTPS_ALIASES: "https-aliases",
} as const;

/** A property name of an HTTP session: the 17 with a constant and the three without. */
export type SessionProperty =
  | typeof SessionProperty[keyof typeof SessionProperty]
  | "ssl-use-system-ca-file"
  | "tls-database"
  | "use-thread-context";

/** The manual's names of all 20 properties of an HTTP session. */
export const sessionProperties: readonly SessionProperty[] = [
  ...Object.values(SessionProperty),
  "ssl-use-system-ca-file",
  "tls-database",
  "use-thread-context",
];

/** The properties that act when they are set and have nothing to read. */
export type ActingProperty = "add-feature" | "add-feature-by-type" | "remove-feature-by-type";

/** Whether a property only acts when it is set. */
export function isActing(name: SessionProperty): name is ActingProperty {
  return name.startsWith("add-") || name.startsWith("remove-");
}

/** The accessor behind a property: `maxConns` is that of "max-conns". */
export type SessionAccessor<P extends string> = P extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<SessionAccessor<Rest>>}`
  : P;

/**
 * The accessor behind a property.
 *
 * @throws {TypeError} If there is no property of the name.
 */
export function accessorOf<P extends SessionProperty>(name: P): SessionAccessor<P> {
  if (!sessionProperties.includes(name)) throw new TypeError(`Cannot find the property ${JSON.stringify(name)}`);
  return name.replace(/-(.)/g, (_match, letter: string) => letter.toUpperCase()) as SessionAccessor<P>;
}
