/** What the peer has said in its SETTINGS frames (RFC 9113 §6.5). */
import { ConnectionFault, ErrorCode } from "./wire/errors.ts";
import { DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, MAX_31_BITS, Setting, uint32 } from "./wire/frames.ts";

const MAX_FRAME_SIZE = 0xffffff;
const BYTES_OF_ONE = 6;
/**
 * Bytes of a body that go out before the peer has said what it takes. The protocol allows more, and servers on nghttp2
 * reset a stream that has sent it when their own settings are smaller.
 */
const FIRST_WINDOW = 16_384;

/** The settings of one peer. */
export class PeerSettings {
  /** Bytes its decoder keeps; null until it says so. */
  headerTableSize: number | null = null;
  /** Streams we may have open; Infinity when it does not say. */
  maxConcurrentStreams: number = Infinity;
  /** Window of a new stream. */
  initialWindow: number = FIRST_WINDOW;
  /** Largest payload it takes. */
  maxFrameSize: number = DEFAULT_FRAME_SIZE;
  /** It has said something. */
  isKnown = false;
  /** It takes extended CONNECT requests (RFC 8441 §3). */
  hasConnectProtocol = false;

  /**
   * Takes the payload of a SETTINGS frame.
   *
   * @throws {ConnectionFault} For values that no setting may have.
   */
  apply(payload: Uint8Array): void {
    if (payload.byteLength % BYTES_OF_ONE !== 0) {
      throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a SETTINGS frame ends within a setting");
    }
    if (!this.isKnown) this.initialWindow = DEFAULT_WINDOW;
    for (let offset = 0; offset < payload.byteLength; offset += BYTES_OF_ONE) {
      this.#set(payload[offset]! << 8 | payload[offset + 1]!, uint32(payload, offset + 2));
    }
    this.isKnown = true;
  }

  #set(setting: number, value: number): void {
    if (setting === Setting.HEADER_TABLE_SIZE) this.headerTableSize = value;
    else if (setting === Setting.MAX_CONCURRENT_STREAMS) this.maxConcurrentStreams = value;
    else if (setting === Setting.ENABLE_PUSH && value !== 0) throw wrong("ENABLE_PUSH", value);
    else if (setting === Setting.INITIAL_WINDOW_SIZE) {
      if (value > MAX_31_BITS) throw wrong("INITIAL_WINDOW_SIZE", value, ErrorCode.FLOW_CONTROL_ERROR);
      this.initialWindow = value;
    } else if (setting === Setting.MAX_FRAME_SIZE) {
      if (value < DEFAULT_FRAME_SIZE || value > MAX_FRAME_SIZE) throw wrong("MAX_FRAME_SIZE", value);
      // Larger frames gain nothing, and keep others waiting.
      this.maxFrameSize = DEFAULT_FRAME_SIZE;
    } else if (setting === Setting.ENABLE_CONNECT_PROTOCOL) {
      if (value > 1 || (value === 0 && this.hasConnectProtocol)) throw wrong("ENABLE_CONNECT_PROTOCOL", value);
      this.hasConnectProtocol = value === 1;
    }
  }
}

function wrong(name: string, value: number, code: number = ErrorCode.PROTOCOL_ERROR): ConnectionFault {
  return new ConnectionFault(code, `the setting ${name} cannot be ${value}`);
}
