/** Events of sessions; the manual's names of a session's properties, and the accessors they stand for. */
import type { Connection } from "../transports/connection.ts";
import type { HttpMessage } from "../message/message.ts";

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

/** Options of {@linkcode Auth.authenticate}. */
export interface AuthenticateOptions {
  /** Hand user name and password to the session's PasswordManager once they have proved right. @default {false} */
  readonly remember?: boolean | undefined;
}

/** What a listener of `authenticate` gets to answer with. */
export interface Auth {
  /** Scheme name, for example "Basic". */
  readonly scheme: string;
  /** The realm. */
  readonly realm: string;
  /** True for a proxy's challenge. */
  readonly isForProxy: boolean;
  /** True when credentials are there already: a password store has filled them in. */
  readonly isAuthenticated: boolean;
  /** User names a password store knows for this protection space. */
  readonly savedUsers: readonly string[];
  /** Answers with a user name and a password. */
  authenticate(user: string, password: string, options?: AuthenticateOptions): void;
  /** Answers with a token. */
  authenticateToken(token: string): void;
  /** Declines. */
  cancel(): void;
}

/** `request-queued`, `request-started`, `request-unqueued`. */
export class RequestEvent extends Event {
  /** The message. */
  readonly msg: HttpMessage;
  /** The connection it is sent on; null where it is not being sent. */
  readonly connection: Connection | null;

  /** Makes the event of one message. */
  constructor(
    type: "request-queued" | "request-started" | "request-unqueued",
    msg: HttpMessage,
    connection: Connection | null = null,
  ) {
    super(type);
    this.msg = msg;
    this.connection = connection;
  }
}

/** `request-started`: a message is about to be sent. */
export class RequestStartedEvent extends RequestEvent {
  /** The connection it is sent on. */
  declare readonly connection: Connection;

  /** Makes the event of one message. */
  constructor(msg: HttpMessage, connection: Connection) {
    super("request-started", msg, connection);
  }
}

/** `authenticate`: the session requires credentials. Dispatched by the AuthManager. */
export class AuthenticateEvent extends Event {
  /** The message that was refused. */
  readonly msg: HttpMessage;
  /** What to answer to. */
  readonly auth: Auth;
  /** True when earlier credentials were refused. */
  readonly retrying: boolean;

  /** Makes the event of one refusal. */
  constructor(msg: HttpMessage, auth: Auth, retrying: boolean) {
    super("authenticate");
    this.msg = msg;
    this.auth = auth;
    this.retrying = retrying;
  }
}

/** `connection-created` and `tunneling`. */
export class ConnectionEvent extends Event {
  /** The connection. */
  readonly connection: Connection;

  /** Makes the event of one connection. */
  constructor(type: "connection-created" | "tunneling", connection: Connection) {
    super(type);
    this.connection = connection;
  }
}

/** `notify`: a property has changed (`GObject::notify`). */
export class NotifyEvent extends Event {
  /** The property's manual name, for example "max-conns". */
  readonly property: SessionProperty;

  /** Makes the event of one property. */
  constructor(property: SessionProperty) {
    super("notify");
    this.property = property;
  }
}

/** The events of a session and their classes. */
export interface HttpSessionEvents {
  /** A message was put on the queue. */
  "request-queued": RequestEvent;
  /** A message is about to be sent. */
  "request-started": RequestStartedEvent;
  /** The session is done with a message. */
  "request-unqueued": RequestEvent;
  /** Credentials are required. */
  "authenticate": AuthenticateEvent;
  /** A connection was made. */
  "connection-created": ConnectionEvent;
  /** A tunnel is being made through a proxy. */
  "tunneling": ConnectionEvent;
  /** A property has changed. */
  "notify": NotifyEvent;
}
