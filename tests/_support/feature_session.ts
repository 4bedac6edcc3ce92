// Sends one request each way a session has, so that a test of a feature can be written once.
import { Buffer } from "node:buffer";
import { HttpMessage, type HttpMessageInit } from "../../http/message/message.ts";
import { HttpSession } from "../../http/session/session.ts";
import type { HttpSessionOptions } from "../../http/session/session_options.ts";
import { type Responder, type SeenRequest, type SocketServer, socketServer } from "./socket_server.ts";

/** The two ways to send that do not block. */
export const WAYS = ["fetch", "queue"] as const;
/** The two transports every runtime has. */
export const TRANSPORTS = ["fetch", "node"] as const;

export type Way = typeof WAYS[number];
export type TransportName = typeof TRANSPORTS[number];

/** What came back. */
export interface Outcome {
  /** Status of the response, or of the transport. */
  status: number;
  /** Header fields as the caller sees them. */
  headers: Headers;
  /** The body as far as it came. */
  text: string;
  /** What `fetch` or reading rejected with, or `msg.error`. */
  error: unknown;
  msg: HttpMessage;
}

/** Options of {@linkcode ask}. */
export interface AskOptions extends HttpMessageInit {
  method?: string;
  prepare?(msg: HttpMessage): void;
  signal?: AbortSignal;
}

/** Sends a request one way and reads the answer to its end. */
export function ask(session: HttpSession, way: Way, url: string, options: AskOptions = {}): Promise<Outcome> {
  return way === "fetch" ? askFetch(session, url, options) : askQueue(session, url, options);
}

async function askFetch(session: HttpSession, url: string, options: AskOptions): Promise<Outcome> {
  let msg: HttpMessage | undefined;
  const outcome = { status: 0, headers: new Headers(), text: "", error: null as unknown };
  try {
    const response = await session.fetch(url, {
      method: options.method ?? "GET",
      ...(options.headers === undefined ? {} : { headers: options.headers }),
      ...(options.body === undefined ? {} : { body: options.body as BodyInit, duplex: "half" }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      prepare(made) {
        msg = made;
        for (const flag of options.flags ?? []) made.flags.add(flag);
        options.prepare?.(made);
      },
    });
    outcome.status = response.status;
    outcome.headers = response.headers;
    const decoder = new TextDecoder();
    if (response.body !== null) {
      for await (const chunk of response.body) outcome.text += decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    outcome.error = error;
    outcome.status = msg!.statusCode;
  }
  return { ...outcome, msg: msg! };
}

async function askQueue(session: HttpSession, url: string, options: AskOptions): Promise<Outcome> {
  const msg = new HttpMessage(options.method ?? "GET", url, options);
  options.prepare?.(msg);
  try {
    await session.sendMessage(msg, options.signal === undefined ? {} : { signal: options.signal });
  } catch (error) {
    return { status: msg.statusCode, headers: msg.responseHeaders, text: "", error, msg };
  }
  const text = new TextDecoder().decode(msg.responseBody);
  return { status: msg.statusCode, headers: msg.responseHeaders, text, error: msg.error, msg };
}

/** A server and a session that are closed together. */
export interface FeatureBench extends AsyncDisposable {
  session: HttpSession;
  server: SocketServer;
  url: string;
}

/** Starts a server that answers with `respond` and a session for it. */
export async function featureBench(respond: Responder, options: HttpSessionOptions = {}): Promise<FeatureBench> {
  const server = await socketServer(respond);
  const session = new HttpSession(options);
  return {
    server,
    session,
    url: `${server.origin}/`,
    async [Symbol.asyncDispose]() {
      await session.close();
      await server.close();
    },
  };
}

/** A response of bytes with a length. */
export function bytesReply(status: string, body: Uint8Array, headers: string[] = []): Buffer {
  const head = [`HTTP/1.1 ${status}`, `Content-Length: ${body.byteLength}`, ...headers, "", ""].join("\r\n");
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

/** A response of bytes in chunks, without a length. */
export function chunkedReply(status: string, pieces: Uint8Array[], headers: string[] = []): Buffer {
  const head = [`HTTP/1.1 ${status}`, "Transfer-Encoding: chunked", ...headers, "", ""].join("\r\n");
  const parts = pieces.filter((piece) => piece.byteLength > 0).flatMap((piece) => [
    Buffer.from(`${piece.byteLength.toString(16)}\r\n`),
    piece,
    Buffer.from("\r\n"),
  ]);
  return Buffer.concat([Buffer.from(head, "latin1"), ...parts, Buffer.from("0\r\n\r\n")]);
}

export type { SeenRequest };
