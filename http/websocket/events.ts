/**
 * Events of WebSockets.
 *
 * @module
 */

/** `close` of a WebSocket: it is over. A `CloseEvent` of the standard, also where the runtime has none. */
export class WebSocketCloseEvent extends Event {
  /** The code the server has closed with; 1005 where it said none, 1006 where there was no close frame. */
  readonly code: number;
  /** The server's reason; empty where it said none. */
  readonly reason: string;
  /** Whether both sides have said that they are done. */
  readonly wasClean: boolean;

  /** Makes the event of one end. */
  constructor(code: number, reason: string, wasClean: boolean) {
    super("close");
    this.code = code;
    this.reason = reason;
    this.wasClean = wasClean;
  }
}

/** `error` of a WebSocket: the connection has failed, or the server has broken the protocol. `close` follows. */
export class WebSocketErrorEvent extends Event {
  /** What happened. */
  readonly error: Error;
  /** The same in words. */
  readonly message: string;

  /** Makes the event of one failure. */
  constructor(error: Error) {
    super("error");
    this.error = error;
    this.message = error.message;
  }
}

/** `message` of a WebSocket: the standard's `MessageEvent`, as far as all runtimes and compilers know it. */
export interface WebSocketMessageEvent extends Event {
  /** What has come: text, or bytes as `binaryType` says. */
  readonly data: string | ArrayBuffer | Blob;
  /** The origin of the socket's URL. */
  readonly origin: string;
}

/** The events of a WebSocket and their classes. */
export interface HttpWebSocketEvents {
  /** It is open: comes once, after `session.websocket` has resolved. */
  "open": Event;
  /** A message has come: text, or bytes as `binaryType` says. */
  "message": WebSocketMessageEvent;
  /** It has failed. */
  "error": WebSocketErrorEvent;
  /** It is over. */
  "close": WebSocketCloseEvent;
}
