/**
 * Events of messages.
 *
 * @module
 */
import type { NetworkEventName } from "../transports/transport.ts";

/** Names of the events that bring a piece of a body. */
export type ChunkEventName = "got-chunk" | "wrote-body-data";

/** `got-chunk` and `wrote-body-data`: a piece of a body. */
export class ChunkEvent extends Event {
  /** The bytes; the listener must not change them. */
  readonly chunk: Uint8Array<ArrayBuffer>;

  /** Makes the event of one piece. */
  constructor(type: ChunkEventName, chunk: Uint8Array<ArrayBuffer>) {
    super(type);
    this.chunk = chunk;
  }
}

/** `got-informational`: a 1xx response. */
export class InformationalEvent extends Event {
  /** Its status code. */
  readonly status: number;
  /** Its reason phrase. */
  readonly reasonPhrase: string;
  /** Its header fields. */
  readonly headers: Headers;

  /** Makes the event of one response. */
  constructor(status: number, reasonPhrase: string, headers: Headers) {
    super("got-informational");
    this.status = status;
    this.reasonPhrase = reasonPhrase;
    this.headers = headers;
  }
}

/** `network-event`: a step of making the connection. */
export class NetworkEvent extends Event {
  /** The step. */
  readonly event: NetworkEventName;

  /** Makes the event of one step. */
  constructor(event: NetworkEventName) {
    super("network-event");
    this.event = event;
  }
}

/** `content-sniffed`: the media type that was found. */
export class ContentSniffedEvent extends Event {
  /** The media type without parameters. */
  readonly contentType: string;
  /** Its parameters. */
  readonly parameters: Readonly<Record<string, string>>;

  /** Makes the event of one finding. */
  constructor(contentType: string, parameters: Readonly<Record<string, string>>) {
    super("content-sniffed");
    this.contentType = contentType;
    this.parameters = parameters;
  }
}

/** `progress`: bytes of a body moved. */
export class TransferProgressEvent extends Event {
  /** Which body moved. */
  readonly direction: "upload" | "download";
  /** Bytes so far in this attempt. */
  readonly loaded: number;
  /** Bytes expected, or null when unknown. */
  readonly total: number | null;

  /** Makes the event of one move. */
  constructor(direction: "upload" | "download", loaded: number, total: number | null) {
    super("progress");
    this.direction = direction;
    this.loaded = loaded;
    this.total = total;
  }
}

/** The events of a message and their classes. */
export interface HttpMessageEvents {
  /** The header section of the request was handed over. */
  "wrote-headers": Event;
  /** A piece of the request body is through. */
  "wrote-chunk": Event;
  /** A piece of the request body, with its bytes. */
  "wrote-body-data": ChunkEvent;
  /** The request is complete. */
  "wrote-body": Event;
  /** A 1xx response. */
  "got-informational": InformationalEvent;
  /** Status and header fields of the response. */
  "got-headers": Event;
  /** A piece of the response body. */
  "got-chunk": ChunkEvent;
  /** The response is complete. */
  "got-body": Event;
  /** The media type found by the sniffer. */
  "content-sniffed": ContentSniffedEvent;
  /** A step of making the connection. */
  "network-event": NetworkEvent;
  /** Bytes of a body moved. */
  "progress": TransferProgressEvent;
  /** The message is about to be sent again. */
  "restarted": Event;
  /** The HSTS enforcer has changed the URI to https:. */
  "hsts-enforced": Event;
  /** The message is done, unless it is requeued. */
  "finished": Event;
}
