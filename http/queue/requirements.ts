/**
 * What a message needs of its transport.
 *
 * @module
 */
import { isListened, messageState } from "../message/message.ts";
import type { QueueItem } from "./queue_item.ts";
import type { TransportCapability } from "../transports/capabilities.ts";
import type { Http2Choice, TlsSettings } from "../transports/transport.ts";
import type { Requirements } from "../transports/choice/select.ts";

/** The needs of an entry whose host and proxy are known. */
export function requirementsOf(item: QueueItem, tls: TlsSettings | null, http2: Http2Choice): Requirements {
  const { msg, host, proxy } = item;
  const requires: TransportCapability[] = [...msg.requires];
  if (messageState(msg).requestTrailers !== null) requires.push("requestTrailers");
  if (http2 === "required") requires.push("http2");
  const headers = msg.hasRequestHeaders ? msg.requestHeaders : null;
  return {
    scheme: host!.scheme,
    method: msg.method,
    hasBody: msg.requestBody !== null,
    hasBodyLength: msg.requestBodyLength !== null,
    proxy,
    tls,
    expectContinue: headers !== null && headers.has("expect"),
    informational: isListened(msg, "got-informational") || isListened(msg, "network-event"),
    host: headers !== null && headers.has("host"),
    requires,
  };
}
