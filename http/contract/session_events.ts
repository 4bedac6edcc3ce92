/**
 * Events of sessions.
 *
 * @module
 */
import type { Connection } from "../transports/connection.ts";
import type { HttpMessage } from "../message/message.ts";
import type { SessionProperty } from "./session_property.ts";

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
