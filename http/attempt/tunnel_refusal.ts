/**
 * What becomes of a message whose proxy makes no tunnel. A proxy's answer to CONNECT is nothing the origin has said:
 * whoever sits at the plain-text proxy could otherwise speak for every https origin (RFC 9110 §9.3.6).
 *
 * @module
 */
import type { Attempt } from "./attempt.ts";
import { drain } from "./drain.ts";
import { tunnelError } from "../errors.ts";
import { discard } from "./response_body.ts";
import { HttpStatus, reasonPhrase } from "../protocol/status.ts";
import type { TransportResponse } from "../transports/transport.ts";

/** Lets those who have credentials look at the challenge of a 407; everything else ends the message. */
export function tunnelRefused(attempt: Attempt, refusal: TransportResponse): void {
  const { core, item, msg } = attempt;
  const { headers, status, statusText } = refusal;
  const fail = (): never => {
    discard(refusal);
    throw tunnelError(status, statusText);
  };
  if (status !== HttpStatus.PROXY_UNAUTHORIZED) fail();
  const challenge = headers.get("proxy-authenticate");
  msg.setStatus(status, statusText || reasonPhrase(status));
  msg.responseHeaders = new Headers(challenge === null ? [] : [["proxy-authenticate", challenge]]);
  item.progressed();
  attempt.hooks(core.features.rounds.refused, "tunnelRefused", () => {
    if (item.requeue === null) fail();
    attempt.wait(drain(refusal), (isRead) => {
      item.isBodyRead = isRead;
      core.restart(item);
    });
  });
}
