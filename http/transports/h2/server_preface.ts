/** What a server of HTTP/2 begins with, a SETTINGS frame, told from what others send (RFC 9113 §3.4). */
import { beginningOf, isTlsAlert } from "../failure_words.ts";
import { ConnectionFault, ErrorCode } from "./errors.ts";
import { Flag, FRAME_HEADER, FrameType } from "./frames.ts";

/** The first bytes of a connection, which may come one by one. */
export class ServerPreface {
  #seen = 0;

  /**
   * Looks at the next bytes.
   *
   * @throws {ConnectionFault} If they do not begin a SETTINGS frame.
   */
  check(bytes: Uint8Array): void {
    const before = this.#seen;
    if (before >= FRAME_HEADER) return;
    this.#seen = Math.min(before + bytes.byteLength, FRAME_HEADER);
    for (let at = before; at < this.#seen; at++) {
      if (!begins(at, bytes[at - before]!)) {
        throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, before === 0 ? told(bytes) : NO_SETTINGS);
      }
    }
  }
}

/** Whether a byte may stand there in the header of a SETTINGS frame that says something. */
function begins(at: number, byte: number): boolean {
  switch (at) {
    case 0:
      return byte === 0;
    case 1:
    case 2:
      return true;
    case 3:
      return byte === FrameType.SETTINGS;
    case 4:
      return (byte & Flag.ACK) === 0;
    default:
      // The stream is the connection; what its number has before it is to be ignored.
      return at === 5 ? (byte & 0x7f) === 0 : byte === 0;
  }
}

const NO_SETTINGS = "the server does not begin with its settings, so it does not speak HTTP/2";

/** What a server speaks that does not speak HTTP/2, as far as its first bytes show it. */
function told(bytes: Uint8Array): string {
  if (bytes[0] === 0) return NO_SETTINGS;
  if (isTlsAlert(bytes)) return "the server speaks TLS; use https:";
  const beginning = beginningOf(bytes);
  return beginning.startsWith('"HTTP/1')
    ? 'the server answers in HTTP/1.1, and http2: "required" is for servers that speak HTTP/2'
    : `the server begins with ${beginning}, which is not HTTP/2`;
}
