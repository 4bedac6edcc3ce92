/**
 * Checks a response body on its way.
 *
 * @module
 */
import type { BodyTransform } from "../../contract/feature.ts";
import type { BodyCheck } from "./scheme.ts";

/** Passes a body through a check; the stream fails at its end if the check does. */
export function checkBody(check: BodyCheck): BodyTransform {
  return (body) =>
    body.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(chunk, controller) {
          check.update(chunk);
          controller.enqueue(chunk);
        },
        flush: () => check.finish(),
      }),
    );
}
