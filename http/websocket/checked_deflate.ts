/**
 * The extension "permessage-deflate" (RFC 7692), with one thing made sure of.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import type { Buffer } from "node:buffer";
import type { Framing, PerMessageDeflate } from "./framing.ts";

/** Makes the extension of one connection. */
export function newDeflate({ PerMessageDeflate: Deflate }: Framing, maxMessageBytes: number): PerMessageDeflate {
  const deflate = new Deflate({ isServer: false, maxPayload: maxMessageBytes });
  const decompress = deflate.decompress.bind(deflate);
  // Deno tells of bytes that cannot be decompressed after it has handed over what it has made of them.
  deflate.decompress = (data, isLast, done) => {
    let isDone = false;
    const finish = (error: Error | null | undefined, bytes?: Buffer): void => {
      if (isDone) return;
      isDone = true;
      done(error, bytes);
    };
    decompress(data, isLast, (error, bytes) => {
      if (error) finish(error);
      else builtin.timers.setImmediate(finish, null, bytes);
    });
  };
  return deflate;
}
