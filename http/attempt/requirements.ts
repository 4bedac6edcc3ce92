/**
 * What a message needs of its transport.
 *
 * @module
 */
import { NotSupportedError } from "../errors.ts";
import { type HttpMessage, isListened, messageState } from "../message/message.ts";
import type { QueueItem } from "../queue/queue_item.ts";
import type { TransportCapability } from "../transports/capabilities.ts";
import { isTunneled } from "../transports/connection.ts";
import type { TlsSettings, Transport } from "../transports/transport.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { checkField } from "../protocol/headers.ts";
import type { Requirements } from "../transports/choice/select.ts";

/** Whether an entry can be served by HTTP/1.1 alone, as far as that is known beforehand. */
export function needsHttp1({ msg, host, needsHttp1 }: QueueItem): boolean {
  if (needsHttp1) return true;
  if (messageState(msg).upgrade !== null) return host!.mayNotUpgrade;
  return hasOwnUpgrade(msg);
}

/** Whether the message has an `Upgrade` field of the caller's, which HTTP/2 cannot write (RFC 9113 §8.2.2). */
function hasOwnUpgrade(msg: HttpMessage): boolean {
  return msg.hasRequestHeaders && msg.requestHeaders.has("upgrade");
}

/** Whether the body waits until the server asks for it. */
export function expectsContinue(msg: HttpMessage): boolean {
  return asksForContinue(msg) && hasContent(msg);
}

function asksForContinue(msg: HttpMessage): boolean {
  return msg.hasRequestHeaders && /^100-continue$/i.test(msg.requestHeaders.get("expect") ?? "");
}

function hasContent({ requestBody, requestBodyLength }: HttpMessage): boolean {
  return requestBody !== null && requestBodyLength !== 0;
}

/** A request without content must not ask for a 100 (RFC 9110 §10.1.1). */
function asksInVain(msg: HttpMessage): boolean {
  return asksForContinue(msg) && !hasContent(msg);
}

/** The needs of an entry whose host and proxy are known. */
function requirementsOf(core: HttpSessionCore, item: QueueItem, tls: TlsSettings | null): Requirements {
  const { http2, lookup } = core.limits;
  const { msg, host, proxy } = item;
  const requires: TransportCapability[] = [...msg.requires];
  if (messageState(msg).requestTrailers !== null) requires.push("requestTrailers");
  if (http2 === "required") {
    if (hasOwnUpgrade(msg)) {
      const { runtime } = core.transports.capabilities;
      throw new NotSupportedError('send the message with http2: "required"', runtime, "HTTP/2 has no Upgrade field");
    }
    requires.push("http2");
  }
  if (messageState(msg).upgrade !== null) requires.push("upgrade");
  const headers = msg.hasRequestHeaders ? msg.requestHeaders : null;
  return {
    scheme: host!.scheme,
    method: msg.method,
    hasBody: msg.requestBody !== null,
    hasBodyLength: msg.requestBodyLength !== null && !(msg.requestBody instanceof Uint8Array),
    proxy,
    tls,
    unixSocket: typeof item.unixSocket === "string",
    lookup: lookup !== null && !item.unixSocket,
    expectContinue: headers !== null && headers.has("expect") && !asksInVain(msg),
    informational: isListened(msg, "got-informational") || isListened(msg, "network-event"),
    host: headers !== null && headers.has("host"),
    requires,
  };
}

/** The fields of a request, as its message has them at the moment. */
export function headerFields(item: QueueItem): ReadonlyArray<readonly [string, string]> {
  const { msg } = item;
  if (!msg.hasRequestHeaders) return messageState(msg).defaults ?? [];
  const fields = [...msg.requestHeaders];
  for (const [name, value] of fields) checkField(name, value);
  // What opened the tunnel was for the proxy alone; the origin behind it must not see it.
  const sent = isTunneled(item.connection!.target) ? fields.filter(([name]) => name !== "proxy-authorization") : fields;
  return asksInVain(msg) ? sent.filter(([name]) => name !== "expect") : sent;
}

/** The transport of an entry whose way is known; nothing is asked that the ordinary message does not need. */
export function selectTransport(core: HttpSessionCore, item: QueueItem, tls: TlsSettings | null): Transport {
  const { msg } = item;
  const { http2, lookup } = core.limits;
  const isDirect = item.proxy === null && !item.unixSocket && lookup === null;
  const isPlain = isDirect && msg.requestBody === null && !msg.hasRequestHeaders &&
    msg.requires.length === 0 && messageState(msg).listened === null && messageState(msg).upgrade === null &&
    http2 !== "required";
  return (isPlain ? core.transports.forPlain(msg.method, tls) : null) ??
    core.transports.select(requirementsOf(core, item, tls));
}

/** What a CONNECT for the message may know of it. */
export function openRequest(item: QueueItem): { proxyAuthorization: string | null; userAgent: string | null } {
  const { requestHeaders } = item.msg;
  return {
    proxyAuthorization: requestHeaders.get("proxy-authorization"),
    userAgent: requestHeaders.get("user-agent"),
  };
}
