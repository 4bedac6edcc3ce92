/**
 * What the worker's session needs of the caller's.
 *
 * @module
 */
import {
  clientCertificateFor,
  type ClientCertificateOption,
  type ClientTls,
  isClientTls,
} from "../transports/client_tls.ts";
import { ContentDecoder } from "../features/content_decoder.ts";
import { NotSupportedError } from "../errors.ts";
import type { SessionFeature } from "../contract/feature.ts";
import { type HttpMessage, messageState } from "../message/message.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { sentValues } from "../queue/session_properties.ts";
import { ContentSniffer } from "../features/sniffing/content_sniffer.ts";
import type { PlainClient, PlainOwn, PlainRoots, PlainSettings, RemoteHook } from "./sync_protocol.ts";
import { remoteHooks } from "./sync_protocol.ts";
import { Timeouts } from "../features/timeouts.ts";
import type { TlsSettings, TrustRoots } from "../transports/transport.ts";

/** Values that, as long as they stay the same, leave the worker's session as it is. */
export function settingsKeyOf(core: HttpSessionCore, msg: HttpMessage): readonly unknown[] {
  const { values } = core.settings;
  return [
    ...Object.values(sentValues(values)),
    values.tlsDatabase,
    values.clientCertificate,
    typeof values.clientCertificate === "function" ? originOf(core, msg) : null,
    values.unixSocket,
    values.lookup,
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
  const late = features.all.find((feature) => feature.answersLater !== undefined && !msg.isFeatureDisabled(feature));
  if (late !== undefined) {
    throw refuse(`with ${late.answersLater}`, "it answers later, and nothing happens while the thread is blocked");
  }
  const { client } = tlsOf(core, msg);
  if (isClientTls(client) && client.connectSync === undefined) {
    throw refuse("with a ClientTls", "it has no connectSync, and cannot go to the worker that sends");
  }
  const certificate = plainClient(values.clientCertificate, originOf(core, msg));
  const { unixSocket } = values;
  return {
    version,
    values: sentValues(values),
    roots: plainRoots(values.tlsDatabase),
    clientCertificate: certificate.certificate === null ? null : certificate,
    unixSocket: typeof unixSocket === "function" ? "asked" : unixSocket === null ? null : { path: unixSocket },
    hasLookup: values.lookup !== null,
    transport: choice,
    maxDecodedSize: decoderOf(core, msg)?.maxSize ?? null,
    sniffWait: core.session.getFeatureForMessage(ContentSniffer, msg)?.maxWait ?? null,
    timeouts: timeoutsOf(core, msg),
    requestDefaults: features.requestDefaults("http"),
    requestDefaultsOverTls: features.requestDefaults("https"),
    hooks: hooksOf(core),
  };
}

/** What a message says of its own way; null where it leaves all to its session. */
export function ownOf(core: HttpSessionCore, msg: HttpMessage): PlainOwn | null {
  const { own } = messageState(msg);
  if (own === null) return null;
  const { maxRedirects, proxyUri, timeouts, tls, unixSocket } = own;
  const { clientCertificate: client, sslStrict, tlsDatabase: roots } = tls ?? {};
  return {
    proxy: proxyUri && proxyUri.href,
    unixSocket,
    tls: tls === null ? null : {
      sslStrict,
      roots: roots === undefined ? undefined : plainRoots(roots),
      client: client === undefined ? undefined : plainClient(client, originOf(core, msg)),
    },
    maxRedirects,
    timeouts,
  };
}

/** TLS of a message, as its origin stands now. */
export function tlsOf(core: HttpSessionCore, msg: HttpMessage): TlsSettings {
  return core.tlsFor(originOf(core, msg), msg);
}

function plainRoots(roots: TrustRoots | null): PlainRoots {
  return roots === null ? null : roots.isSystem ? "system" : [...roots.pem()];
}

const numbers = new WeakMap<ClientTls, number>();
let lastNumber = 0;

/** A client certificate as the worker takes it. */
function plainClient(option: ClientCertificateOption, origin: string): PlainClient {
  const client = clientCertificateFor(option, origin);
  const known = { origin: typeof option === "function" ? origin : null };
  if (client === null || !isClientTls(client)) {
    return { ...known, certificate: client === null ? null : { cert: client.cert, key: client.key } };
  }
  let number = numbers.get(client);
  if (number === undefined) numbers.set(client, number = ++lastNumber);
  return { ...known, certificate: number };
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
