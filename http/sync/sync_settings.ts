/**
 * What the worker's session needs of the caller's.
 *
 * @module
 */
import { clientCertificateFor, type ClientTls, isClientTls } from "../transports/client_tls.ts";
import { ContentDecoder } from "../features/content_decoder.ts";
import { NotSupportedError } from "../errors.ts";
import type { SessionFeature } from "../contract/feature.ts";
import type { HttpMessage } from "../message/message.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { sentValues } from "../queue/session_properties.ts";
import { ContentSniffer } from "../features/sniffing/content_sniffer.ts";
import { type PlainSettings, type RemoteHook, remoteHooks } from "./sync_protocol.ts";
import { Timeouts } from "../features/timeouts.ts";

/** Values that, as long as they stay the same, leave the worker's session as it is. */
export function settingsKeyOf(core: HttpSessionCore, msg: HttpMessage): readonly unknown[] {
  const { values } = core.settings;
  return [
    ...Object.values(sentValues(values)),
    values.tlsDatabase,
    values.clientCertificate,
    typeof values.clientCertificate === "function" ? originOf(core, msg) : null,
    decoderOf(core, msg),
    core.session.getFeatureForMessage(ContentSniffer, msg),
    core.session.getFeatureForMessage(Timeouts, msg),
    ...core.features.all,
  ];
}

/**
 * The settings of a session as its worker takes them.
 *
 * @throws {NotSupportedError} If one of them cannot leave its thread.
 */
export function settingsOf(core: HttpSessionCore, msg: HttpMessage, version: number): PlainSettings {
  const { features } = core;
  const { values } = core.settings;
  const { runtime } = core.transports.capabilities;
  const refuse = (what: string, why: string) => new NotSupportedError(`send synchronously ${what}`, runtime, why);
  const { choice } = core.transports;
  if (typeof choice !== "string") {
    throw refuse("with a transport of one's own", "it cannot go to the worker that sends");
  }
  if (features.rounds.respond.some((feature) => !msg.isFeatureDisabled(feature))) {
    throw refuse("with a feature that answers requests", "its Response cannot be read while the thread is blocked");
  }
  const client = clientCertificateFor(values.clientCertificate, originOf(core, msg));
  if (isClientTls(client) && client.connectSync === undefined) {
    throw refuse("with a ClientTls", "it has no connectSync, and cannot go to the worker that sends");
  }
  const roots = values.tlsDatabase;
  return {
    version,
    values: sentValues(values),
    roots: roots === null ? null : roots.isSystem ? "system" : [...roots.pem()],
    clientCertificate: client === null ? null : {
      origin: typeof values.clientCertificate === "function" ? originOf(core, msg) : null,
      certificate: isClientTls(client) ? null : { cert: client.cert, key: client.key },
    },
    transport: choice,
    maxDecodedSize: decoderOf(core, msg)?.maxSize ?? null,
    sniffWait: core.session.getFeatureForMessage(ContentSniffer, msg)?.maxWait ?? null,
    timeouts: timeoutsOf(core, msg),
    requestDefaults: features.requestDefaults(),
    hooks: hooksOf(core),
  };
}

/** Who makes the encrypted streams of a message; null where the worker does. */
export function clientTlsOf(core: HttpSessionCore, msg: HttpMessage): ClientTls | null {
  const client = clientCertificateFor(core.settings.values.clientCertificate, originOf(core, msg));
  return isClientTls(client) ? client : null;
}

function originOf(core: HttpSessionCore, msg: HttpMessage): string {
  return `${core.session.schemeOf(msg.uri) ?? "http"}://${msg.uri.host}`;
}

/** Decoding needs no feature of the caller's thread: the worker does it itself. */
function decoderOf(core: HttpSessionCore, msg: HttpMessage): ContentDecoder | null {
  return core.session.getFeatureForMessage(ContentDecoder, msg);
}

/** Timers of the caller's thread do not run while it is blocked. */
function timeoutsOf(core: HttpSessionCore, msg: HttpMessage): PlainSettings["timeouts"] {
  const timeouts = core.session.getFeatureForMessage(Timeouts, msg);
  return timeouts === null ? null : { connect: timeouts.connect, idle: timeouts.idle, total: timeouts.total };
}

function hooksOf(core: HttpSessionCore): RemoteHook[] {
  const has = (hook: keyof SessionFeature) => core.features.all.some((feature) => typeof feature[hook] === "function");
  // An attempt is known by its first hook.
  return remoteHooks.filter((hook) => has(hook) || hook === "requestStarting" && has("watchAttempt"));
}
