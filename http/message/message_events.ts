/** What a message tells of itself: its events, and when each step was and how many bytes it took. */
import type { NetworkEventName } from "../transports/transport.ts";
import { sectionSize } from "../protocol/headers.ts";

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

let makeMetrics: () => MessageMetrics;

/** Notes a header section: its fields, which are counted when somebody asks, or their size. */
export let noteHeaderSection: (metrics: MessageMetrics, section: Headers | number) => void;

/** Times are `performance.now()` milliseconds and never decrease within an attempt; 0 means it has not happened. */
export class MessageMetrics {
  static {
    makeMetrics = () => new MessageMetrics();
    noteHeaderSection = (metrics, section) => metrics.#headerSection = section;
  }

  /** Put on the queue. */
  readonly queued: number = 0;
  /** Handed to the transport, in the last attempt. */
  readonly started: number = 0;
  /** The response's header section was there, in the last attempt. */
  readonly firstByte: number = 0;
  /** The response was complete or had failed, in the last attempt. */
  readonly finished: number = 0;
  /** Attempts begun. */
  readonly attempts: number = 0;
  /** Body bytes sent in the last attempt. */
  readonly requestBodyBytes: number = 0;
  /** Body bytes received in the last attempt, before content decoding. */
  readonly responseBodyBytes: number = 0;
  #headerSection: Headers | number = 0;

  private constructor() {}

  /** Bytes of the response's header section in the last attempt, reckoned from its fields. */
  get responseHeaderBytes(): number {
    const section = this.#headerSection;
    return typeof section === "number" ? section : this.#headerSection = sectionSize(section);
  }

  /** Milliseconds between queueing and hand-over: time spent waiting for a connection. */
  get waiting(): number {
    return this.started === 0 ? 0 : this.started - this.queued;
  }

  /** Milliseconds between hand-over and end of the last attempt. */
  get duration(): number {
    return this.finished === 0 ? 0 : this.finished - this.started;
  }
}

/** The metrics of a new message. */
export function newMetrics(): MessageMetrics {
  return makeMetrics();
}
