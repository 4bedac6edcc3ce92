/**
 * The features of one session and the rounds of hooks.
 *
 * @module
 */
import { checkObject } from "../../internal/expected.ts";
import { reportUncaught } from "../../internal/report_error.ts";
import type { Connection } from "../transports/connection.ts";
import { type AttemptWatch, BodyStage, type BodyTransform, type SessionFeature } from "../contract/feature.ts";
import type { FeatureType } from "../message/feature_type.ts";
import type { HttpMessage } from "../message/message.ts";
import type { FeatureSession } from "../contract/feature_session.ts";
import type { SchemeClass } from "../protocol/uri.ts";
import type { ProxyTarget } from "../transports/transport.ts";

type Hook = keyof SessionFeature;

/** Hooks that get session, message and, where there is one, the connection. */
export type MessageHook =
  | "requestStarting"
  | "connecting"
  | "tunnelRefused"
  | "requestStarted"
  | "gotHeaders"
  | "gotBody"
  | "attemptEnded";

/** Hooks that run when a message is put on the queue or taken off it. */
type AnnouncementHook = "requestQueued" | "requestUnqueued";

/** An entry that is being put on the queue. */
export interface Announced {
  /** Its message. */
  readonly msg: HttpMessage;
  /** The features whose `requestQueued` runs for it; null once that is over. */
  readonly announcedTo: readonly SessionFeature[] | null;
  /** How many of them have run. */
  announcements: number;
}

/** What a round of hooks is about and whether it is to go on. */
export interface HookScope {
  /** The message. */
  readonly msg: HttpMessage;
  /** Its connection, for the hooks that get one. */
  readonly connection: Connection | null;
  /** False ends the round. */
  readonly mayContinue: boolean;
}

/** Every member of a feature: whether it alone makes one. The type names them all, so that none can be missed. */
const members: Readonly<Record<Hook, boolean>> = {
  requestDefaults: true,
  requestDefaultsOverTls: true,
  bodyStage: false,
  answersLater: false,
  attach: true,
  detach: true,
  requestQueued: true,
  watchAttempt: true,
  requestStarting: true,
  lookup: true,
  resolveProxy: true,
  connecting: true,
  tunnelRefused: true,
  requestStarted: true,
  respond: true,
  replaceResponse: true,
  gotHeaders: true,
  transformBody: true,
  wireBodySink: true,
  gotBody: true,
  attemptEnded: true,
  requestUnqueued: true,
  addFeature: true,
  removeFeature: true,
  hasFeature: true,
};
const memberNames = Object.entries(members).filter(([, makesFeature]) => makesFeature).map(([name]) => name);

/** Hooks that run for messages, each with the features that have it. */
interface Rounds {
  readonly queued: readonly SessionFeature[];
  readonly watch: readonly SessionFeature[];
  readonly starting: readonly SessionFeature[];
  readonly lookup: readonly SessionFeature[];
  readonly connecting: readonly SessionFeature[];
  readonly refused: readonly SessionFeature[];
  readonly started: readonly SessionFeature[];
  readonly respond: readonly SessionFeature[];
  readonly replace: readonly SessionFeature[];
  readonly headers: readonly SessionFeature[];
  readonly transform: readonly SessionFeature[];
  readonly body: readonly SessionFeature[];
  readonly ended: readonly SessionFeature[];
  readonly unqueued: readonly SessionFeature[];
  readonly proxy: readonly SessionFeature[];
}

const none: readonly BodyTransform[] = [];

/** The features of one session. */
export class FeatureList {
  readonly #session: FeatureSession;
  readonly #changed: () => void;
  #features: SessionFeature[] = [];
  #rounds: Rounds = makeRounds([]);
  /** Those a session begins with. */
  readonly #defaults = new Set<SessionFeature>();
  /** Whether there are others than a session begins with. */
  isExtended = false;

  constructor(session: FeatureSession, changed: () => void) {
    this.#session = session;
    this.#changed = changed;
  }

  /** The features that have each hook. */
  get rounds(): Rounds {
    return this.#rounds;
  }

  /** Newest first. */
  get all(): readonly SessionFeature[] {
    return this.#features;
  }

  /** Adds a feature in front and attaches it; a feature that is already there stays where it is. */
  add(feature: SessionFeature): void {
    checkObject("add a feature", feature);
    if (!isFeature(feature)) {
      throw new TypeError("Cannot add the feature: it has no member of SessionFeature, so nothing would ever call it");
    }
    if (this.#features.includes(feature)) return;
    this.#set([feature, ...this.#features]);
    feature.attach?.(this.#session);
  }

  /** Adds the features a session begins with: they run no code of the caller. */
  addDefaults(features: readonly SessionFeature[]): void {
    for (const feature of features) {
      this.#defaults.add(feature);
      this.add(feature);
    }
  }

  /** Removes and detaches a feature; unknown ones are ignored. */
  remove(feature: SessionFeature): void {
    if (!this.#features.includes(feature)) return;
    this.#set(this.#features.filter((other) => other !== feature));
    feature.detach?.(this.#session);
  }

  /** Constructs and adds a feature, or offers a sub-feature to the features, newest first. */
  addByType(type: new () => object): void {
    if (isFeature(type.prototype)) return this.add(new type() as SessionFeature);
    for (const feature of this.#features) if (feature.addFeature?.(type)) return;
    // Members may be fields of the instance alone.
    const instance: object = new type();
    if (isFeature(instance)) return this.add(instance);
    throw new TypeError(`Cannot add ${type.name} by type: it is no feature and no feature of the session accepts it`);
  }

  /** Removes every feature of a class and its subclasses, or the sub-feature from the first feature that has it. */
  removeByType(type: FeatureType): void {
    const matching = this.#features.filter((feature) => feature instanceof type);
    if (matching.length > 0) {
      for (const feature of matching) this.remove(feature);
      return;
    }
    for (const feature of this.#features) {
      if (feature.hasFeature?.(type) && feature.removeFeature?.(type)) return;
    }
  }

  /** Fields the features want on every message of a scheme, or on one that may have disabled some of them. */
  requestDefaults(scheme: SchemeClass, msg: HttpMessage | null = null): [name: string, value: string][] {
    const fields: [string, string][] = [];
    for (const feature of [...this.#features].reverse()) {
      if (msg?.isFeatureDisabled(feature)) continue;
      const overTls = scheme === "https" ? feature.requestDefaultsOverTls : undefined;
      for (const [name, value] of overTls ?? feature.requestDefaults ?? []) {
        if (!fields.some(([other]) => other === name.toLowerCase())) fields.push([name.toLowerCase(), value]);
      }
    }
    return fields;
  }

  /** Body transforms of a message in the order of their stages. */
  transforms(msg: HttpMessage): readonly BodyTransform[] {
    let found: BodyTransform[] | null = null;
    for (const feature of this.#rounds.transform) {
      if (msg.isFeatureDisabled(feature)) continue;
      const transform = feature.transformBody!(this.#session, msg);
      if (transform !== null) (found ??= []).push(transform);
    }
    return found ?? none;
  }

  /** Runs the `requestQueued` hooks that have not run yet; a hook that ends the entry has the rest run before its end. */
  announce(entry: Announced): void {
    const { announcedTo } = entry;
    if (announcedTo === null) return;
    while (entry.announcements < announcedTo.length) {
      this.#notifyOne(announcedTo[entry.announcements++]!, "requestQueued", entry.msg);
    }
  }

  /**
   * Runs the hooks for a message that was put on the queue or taken off it. What one throws is reported, and the others
   * run.
   */
  notify(features: readonly SessionFeature[], hook: AnnouncementHook, msg: HttpMessage): void {
    for (const feature of features) this.#notifyOne(feature, hook, msg);
  }

  #notifyOne(feature: SessionFeature, hook: AnnouncementHook, msg: HttpMessage): void {
    if (msg.isFeatureDisabled(feature)) return;
    try {
      if (hook === "requestQueued") feature.requestQueued!(this.#session, msg);
      else feature.requestUnqueued!(this.#session, msg);
    } catch (error) {
      reportUncaught(error);
    }
  }

  /** Those who watch an attempt that begins; null where nobody does. Who fails at it watches nothing. */
  watch(msg: HttpMessage): readonly AttemptWatch[] | null {
    const { watch } = this.#rounds;
    return watch.length === 0 ? null : this.#watchesOf(watch, msg);
  }

  #watchesOf(features: readonly SessionFeature[], msg: HttpMessage): readonly AttemptWatch[] {
    return features.flatMap((feature) => {
      if (msg.isFeatureDisabled(feature)) return [];
      try {
        return feature.watchAttempt!(this.#session, msg) ?? [];
      } catch (error) {
        reportUncaught(error);
        return [];
      }
    });
  }

  /** Runs a round of hooks in order; a promise only if one of them returned one. `gate` is asked before each. */
  run(features: readonly SessionFeature[], hook: MessageHook, gate: HookScope, from = 0): void | Promise<void> {
    for (let index = from; index < features.length && gate.mayContinue; index++) {
      const feature = features[index]!;
      if (gate.msg.isFeatureDisabled(feature)) continue;
      const pending = callHook(feature, hook, this.#session, gate);
      if (pending !== undefined) return this.#runAfter(pending, features, hook, gate, index + 1);
    }
  }

  async #runAfter(
    pending: Promise<void>,
    features: readonly SessionFeature[],
    hook: MessageHook,
    gate: HookScope,
    from: number,
  ): Promise<void> {
    await pending;
    await this.run(features, hook, gate, from);
  }

  /** Asks for an answer, newest feature first; null when none has one. A promise only if one of the hooks returned one. */
  answer(
    features: readonly SessionFeature[],
    msg: HttpMessage,
    call: (feature: SessionFeature) => Response | null | Promise<Response | null>,
  ): Response | null | Promise<Response | null> {
    for (let index = 0; index < features.length; index++) {
      const feature = features[index]!;
      if (msg.isFeatureDisabled(feature)) continue;
      const response = call(feature);
      if (response === null) continue;
      if (!(response instanceof Promise)) return response;
      return response.then((found) => found ?? this.answer(features.slice(index + 1), msg, call));
    }
    return null;
  }

  /** The proxy for a URI; undefined when no feature decides. */
  async proxyFor(uri: URL, msg: HttpMessage | null): Promise<ProxyTarget | null | undefined> {
    for (const feature of this.#rounds.proxy) {
      if (msg?.isFeatureDisabled(feature)) continue;
      const proxy = await feature.resolveProxy!(uri, msg);
      if (proxy !== undefined) return proxy;
    }
    return undefined;
  }

  #set(features: SessionFeature[]): void {
    this.#features = features;
    this.#rounds = makeRounds(features);
    this.isExtended = features.some((feature) => !this.#defaults.has(feature));
    this.#changed();
  }
}

/** Calls a hook by a name the engine sees: one place for all of them is slow, as every class looks different there. */
function callHook(
  feature: SessionFeature,
  hook: MessageHook,
  session: FeatureSession,
  { msg, connection }: HookScope,
): void | Promise<void> {
  switch (hook) {
    case "requestStarting":
      return feature.requestStarting!(session, msg);
    case "connecting":
      return feature.connecting!(session, msg, connection!);
    case "tunnelRefused":
      return feature.tunnelRefused!(session, msg, connection!);
    case "requestStarted":
      return feature.requestStarted!(session, msg, connection!);
    case "gotHeaders":
      return feature.gotHeaders!(session, msg);
    case "gotBody":
      return feature.gotBody!(session, msg);
    case "attemptEnded":
      return feature.attemptEnded!(session, msg);
  }
}

function makeRounds(newestFirst: readonly SessionFeature[]): Rounds {
  const oldestFirst = [...newestFirst].reverse();
  const having = (list: readonly SessionFeature[], hook: Hook): SessionFeature[] =>
    list.filter((feature) => typeof feature[hook] === "function");
  return {
    queued: having(oldestFirst, "requestQueued"),
    watch: having(oldestFirst, "watchAttempt"),
    starting: having(oldestFirst, "requestStarting"),
    lookup: having(newestFirst, "lookup"),
    connecting: having(oldestFirst, "connecting"),
    refused: having(oldestFirst, "tunnelRefused"),
    started: having(oldestFirst, "requestStarted"),
    respond: having(newestFirst, "respond"),
    replace: having(newestFirst, "replaceResponse"),
    headers: having(oldestFirst, "gotHeaders"),
    transform: having(oldestFirst, "transformBody").sort((a, b) => stageOf(a) - stageOf(b)),
    body: having(oldestFirst, "gotBody"),
    ended: having(oldestFirst, "attemptEnded"),
    unqueued: having(oldestFirst, "requestUnqueued"),
    proxy: having(newestFirst, "resolveProxy"),
  };
}

function stageOf(feature: SessionFeature): number {
  return feature.bodyStage ?? BodyStage.DECODED;
}

/** Whether something has what makes a feature. Sub-features, such as authentication schemes, have nothing of it. */
function isFeature(candidate: object): boolean {
  return memberNames.some((name) => name in candidate);
}
