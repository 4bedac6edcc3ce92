/**
 * The opening handshake of a WebSocket (RFC 6455 §4, RFC 8441 §5): its fields, and what a server may agree to.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import { type HttpErrorCode, TransportError } from "../errors.ts";
import type { ProtocolUpgrade } from "../message/message_state.ts";
import { HttpStatus } from "../protocol/status.ts";
import type { TransportResponse, UpgradedStream } from "../transports/transport.ts";
import { newDeflate } from "./checked_deflate.ts";
import type { Extensions, Framing } from "./framing.ts";

/** What RFC 6455 §1.3 has a server add to the key. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const VERSION = "13";
const DEFLATE = "permessage-deflate";
const BAD_HANDSHAKE: HttpErrorCode = "ERR_WEBSOCKET_HANDSHAKE";

/** The fields that a handshake is made of: no caller writes them. */
const own: readonly string[] = ["connection", "upgrade", "content-length", "transfer-encoding"];

/**
 * Checks that a caller's field leaves the handshake alone.
 *
 * @throws {TypeError} If it does not.
 */
export function checkOwnField(name: string): void {
  if (!own.includes(name) && !name.startsWith("sec-websocket-")) return;
  throw new TypeError(`Cannot open a WebSocket with the header ${name}: the handshake writes it`);
}

/** One handshake, and what has come of it. */
export class Handshake implements ProtocolUpgrade {
  readonly protocol = "websocket";
  stream: UpgradedStream | null = null;
  /** The subprotocol the server has chosen; empty for none. */
  subprotocol = "";
  /** The extensions the server has agreed to, as it says so. */
  extensionsField = "";
  /** The same, ready for use. */
  extensions: Extensions = {};
  readonly #framing: Framing;
  readonly #protocols: readonly string[];
  readonly #maxMessageBytes: number;
  #key = "";

  constructor(framing: Framing, protocols: readonly string[], maxMessageBytes: number) {
    this.#framing = framing;
    this.#protocols = protocols;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Writes the fields of an attempt: each connection gets a key of its own. */
  writeFields(headers: Headers): void {
    this.#key = builtin.crypto.randomBytes(16).toString("base64");
    headers.set("sec-websocket-version", VERSION);
    headers.set("sec-websocket-key", this.#key);
    headers.set(
      "sec-websocket-extensions",
      this.#framing.extension.format({ [DEFLATE]: newDeflate(this.#framing, this.#maxMessageBytes).offer() }),
    );
    if (this.#protocols.length > 0) headers.set("sec-websocket-protocol", this.#protocols.join(", "));
  }

  check({ headers, status }: TransportResponse): void {
    if (status === HttpStatus.SWITCHING_PROTOCOLS) this.#checkSwitch(headers);
    this.#takeSubprotocol(headers.get("sec-websocket-protocol"));
    this.#takeExtensions(headers.get("sec-websocket-extensions"));
  }

  /** Without the answer to the key what has come may be of a server, or a cache, that knows nothing of WebSockets. */
  #checkSwitch(headers: Headers): void {
    if (headers.get("upgrade")?.toLowerCase() !== this.protocol) throw broken("it switches to another protocol");
    if (!/(^|,)[ \t]*upgrade[ \t]*(,|$)/i.test(headers.get("connection") ?? "")) {
      throw broken("its Connection field has no upgrade");
    }
    const accept = builtin.crypto.createHash("sha1").update(this.#key + GUID).digest("base64");
    if (headers.get("sec-websocket-accept") !== accept) throw broken("its Sec-WebSocket-Accept is not that of the key");
  }

  #takeSubprotocol(chosen: string | null): void {
    if (chosen === null && this.#protocols.length === 0) return;
    if (chosen === null) throw broken(`it has chosen none of the protocols ${this.#protocols.join(", ")}`);
    if (!this.#protocols.includes(chosen)) throw broken("it has chosen a protocol that was not offered");
    this.subprotocol = chosen;
  }

  #takeExtensions(field: string | null): void {
    if (field === null) return;
    try {
      const { [DEFLATE]: parameters = [], ...others } = this.#framing.extension.parse(field);
      if (parameters.length !== 1 || Object.keys(others).length > 0) throw new Error("it was not offered");
      const deflate = newDeflate(this.#framing, this.#maxMessageBytes);
      deflate.accept(parameters);
      this.extensions = { [DEFLATE]: deflate };
    } catch (error) {
      throw broken("it has agreed to an extension that was not offered, or not so", error);
    }
    this.extensionsField = field;
  }
}

function broken(why: string, cause?: unknown): TransportError {
  return new TransportError(HttpStatus.MALFORMED, "response", `Cannot take what the server has answered: ${why}`, {
    code: BAD_HANDSHAKE,
    ...(cause === undefined ? {} : { cause }),
  });
}
