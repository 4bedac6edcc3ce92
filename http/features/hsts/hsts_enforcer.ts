/** Hosts that are contacted over TLS only (`SoupHSTSEnforcer`). */
import { builtin } from "../../../internal/builtin_modules.ts";
import {
  checkObject,
  checkOptions,
  checkOwnOptions,
  checkText,
  type OptionNames,
  wholeNumber,
} from "../../../internal/expected.ts";
import { TypedEventTarget } from "../../../internal/events.ts";
import type { SessionFeature } from "../../contract/feature.ts";
import type { HttpMessage } from "../../message/message.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import { isVerified } from "../../contract/trust.ts";
import {
  type HstsPolicy,
  type HstsStore,
  parseStrictTransportSecurity,
  type SharedHstsStore,
  SharedPolicies,
} from "./policies.ts";
import { isSharedStore, StoreErrorEvent, type StoreEvents, type StoreMethods } from "../../contract/shared_store.ts";

/** What an enforcer asks of its store. */
const METHODS: StoreMethods = { own: ["load", "save"], shared: ["find", "put"] };

/** Options of an `HstsEnforcer`. */
export interface HstsEnforcerOptions {
  /** What keeps policies beyond the enforcer's life. @default {null} */
  readonly store?: HstsStore | SharedHstsStore | null | undefined;
  /** Most hosts remembered; beyond it the policy that ends first is forgotten. @default {10000} */
  readonly maxPolicies?: number | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
}

const optionNames: OptionNames<HstsEnforcerOptions> = { store: true, maxPolicies: true, now: true };

/** The `changed` event of an enforcer: a policy was added, replaced or removed. */
export class HstsChangedEvent extends Event {
  /** What was there before; `null` for a new host. */
  readonly oldPolicy: HstsPolicy | null;
  /** What is there now; `null` when the policy was removed. */
  readonly newPolicy: HstsPolicy | null;

  /** Makes the event. */
  constructor(oldPolicy: HstsPolicy | null, newPolicy: HstsPolicy | null) {
    super("changed");
    this.oldPolicy = oldPolicy;
    this.newPolicy = newPolicy;
  }
}

/** The `hsts-enforced` event of an enforcer: a message goes over TLS instead. */
export class HstsEnforcedEvent extends Event {
  /** The message, its URI already changed. */
  readonly msg: HttpMessage;

  /** Makes the event. */
  constructor(msg: HttpMessage) {
    super("hsts-enforced");
    this.msg = msg;
  }
}

/** The events of an enforcer. */
export interface HstsEnforcerEvents extends StoreEvents {
  /** A policy was added, replaced or removed. */
  changed: HstsChangedEvent;
  /** A message goes over TLS instead. */
  "hsts-enforced": HstsEnforcedEvent;
}

/** How much later a policy must end before the change is worth writing, as a share of what is left of it. */
const MIN_CHANGE = 0.01;

/**
 * HTTP Strict Transport Security (RFC 6797): remembers the hosts that asked for it over a valid TLS connection, and
 * changes http: to https: for them before anything is sent, redirects included. Addresses are never covered.
 * The message itself gets an `hsts-enforced` event as well.
 *
 * @example A host that was seen before
 * ```ts
 * import { HstsEnforcer } from "@gp11/gp11/http";
 * import { assert } from "@std/assert";
 *
 * const enforcer = new HstsEnforcer();
 * enforcer.setSessionPolicy("example.com", { includeSubDomains: true });
 * assert(enforcer.isEnforced("www.example.com"));
 * ```
 */
export class HstsEnforcer extends TypedEventTarget<HstsEnforcerEvents> implements SessionFeature {
  readonly #policies = new Map<string, HstsPolicy>();
  readonly #sessionPolicies = new Map<string, HstsPolicy>();
  readonly #store: HstsStore | null;
  /** The store, where other processes have it, too. */
  readonly #shared: SharedPolicies | null;
  readonly #maxPolicies: number;
  readonly #now: () => number;
  #unsaved = false;
  #closed = false;

  /**
   * Makes an enforcer and reads its store.
   *
   * @throws {TypeError} For a store that is none of HSTS policies.
   * @throws {RangeError} For a limit below 1.
   */
  constructor(options: HstsEnforcerOptions = {}) {
    super();
    checkOwnOptions("make a HstsEnforcer", options, optionNames, ["now"]);
    const { store = null, maxPolicies = 10_000, now = Date.now } = options;
    this.#maxPolicies = wholeNumber("maxPolicies", maxPolicies, 1);
    this.#now = now;
    const isShared = store !== null && isSharedStore("make a HstsEnforcer", store, "a store of HSTS policies", METHODS);
    this.#store = isShared ? null : store;
    this.#shared = isShared ? this.#sharedPolicies(store) : null;
    for (const policy of this.#store?.load() ?? []) {
      if (!this.#hasEnded(policy)) this.#policies.set(policy.host, policy);
    }
    this.#makeRoom();
  }

  /** Whether policies outlive the enforcer (`soup_hsts_enforcer_is_persistent`). */
  get isPersistent(): boolean {
    return this.#store !== null || this.#shared !== null;
  }

  /** Synchronous sends cannot wait for a store that processes share. */
  get answersLater(): string | undefined {
    return this.#shared === null ? undefined : "the store of HSTS policies";
  }

  /** Sets a host's policy (`soup_hsts_enforcer_set_policy`); one that has ended removes it. */
  setPolicy(policy: HstsPolicy): void {
    checkObject("set an HSTS policy", policy);
    const host = canonicalHost(checkText("set an HSTS policy", policy.host));
    if (host === null) throw new TypeError(`Cannot set an HSTS policy: ${JSON.stringify(policy.host)} is no host name`);
    this.#set({ host, includeSubDomains: policy.includeSubDomains, expires: policy.expires });
  }

  /** Covers a host for as long as the enforcer lives, whatever its server says (`soup_hsts_enforcer_set_session_policy`). */
  setSessionPolicy(host: string, options: { includeSubDomains?: boolean } = {}): void {
    checkOwnOptions("set an HSTS policy", options, { includeSubDomains: true });
    this.setPolicy({ host, includeSubDomains: options.includeSubDomains ?? false, expires: null });
  }

  /** Forgets the policies of a host; whether there was one. */
  removePolicy(host: string): boolean {
    const name = canonicalHost(checkText("remove an HSTS policy", host));
    if (name === null) return false;
    const session = this.#remove(this.#sessionPolicies, name);
    return this.#remove(this.#policies, name) || session;
  }

  /** The policies in force (`soup_hsts_enforcer_get_policies`). */
  getPolicies(options: { session?: boolean } = {}): HstsPolicy[] {
    const policies = [...this.#policies.values()].filter((policy) => !this.#hasEnded(policy));
    return checkOptions("list HSTS policies", options).session === false
      ? policies
      : [...policies, ...this.#sessionPolicies.values()];
  }

  /** Whether a host has a policy of its own (`soup_hsts_enforcer_has_valid_policy`). */
  hasValidPolicy(host: string): boolean {
    const name = canonicalHost(checkText("look for an HSTS policy", host));
    return name !== null && this.#find(name) !== null;
  }

  /** Whether a host is covered, by its own policy or by one of a parent domain that includes subdomains. */
  isEnforced(host: string): boolean {
    checkText("look for an HSTS policy", host);
    if (this.#policies.size === 0 && this.#sessionPolicies.size === 0) return false;
    const name = canonicalHost(host);
    if (name === null) return false;
    if (this.#find(name)) return true;
    for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
      const parent = name.slice(dot + 1);
      if (this.#sessionPolicies.get(parent)?.includeSubDomains) return true;
      const policy = this.#policies.get(parent);
      if (policy?.includeSubDomains && !this.#hasEnded(policy)) return true;
    }
    return false;
  }

  /** Changes http: to https: before the message does anything. */
  requestQueued(session: FeatureSession, msg: HttpMessage): void {
    // What other processes know is not known yet.
    if (this.#shared === null) this.#enforce(session, msg);
  }

  /** The same for a message that was redirected or sent again, and once others were asked. */
  requestStarting(session: FeatureSession, msg: HttpMessage): void | Promise<void> {
    const host = this.#shared !== null && session.schemeOf(msg.uri) === "http" ? canonicalHost(msg.uri.hostname) : null;
    if (host === null) return this.#enforce(session, msg);
    return this.#shared!.lookUp(host).then(() => this.#enforce(session, msg));
  }

  /** Learns a host's policy from its response. */
  gotHeaders(session: FeatureSession, msg: HttpMessage): void | Promise<void> {
    const field = msg.responseHeaders.get("strict-transport-security");
    if (field === null || session.schemeOf(msg.uri) !== "https") return;
    if (!isVerified(session, msg)) return;
    const host = canonicalHost(msg.uri.hostname);
    const said = host === null ? null : parseStrictTransportSecurity(field);
    if (host === null || !said) return;
    if (said.maxAge === 0) this.#remove(this.#policies, host);
    else {
      const expires = new Date(this.#now() + said.maxAge * 1000);
      this.#set({ host, includeSubDomains: said.includeSubDomains, expires });
    }
    return this.#shared?.kept();
  }

  /** Writes what is not written yet; the enforcer goes on without its store. */
  close(): void | Promise<void> {
    if (this.#closed) return;
    if (this.#unsaved) this.#save();
    this.#closed = true;
    return this.#shared?.close();
  }

  /** Same as `close`; what has to be waited for is not waited for. */
  [Symbol.dispose](): void {
    void this.close();
  }

  /** Same as `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #sharedPolicies(store: SharedHstsStore): SharedPolicies {
    return new SharedPolicies(store, {
      find: (host) => {
        const policy = this.#policies.get(host);
        return policy && !this.#hasEnded(policy) ? policy : undefined;
      },
      take: (policy) => {
        const old = this.#policies.get(policy.host) ?? null;
        if (this.#hasEnded(policy)) {
          if (this.#policies.delete(policy.host)) this.dispatchEvent(new HstsChangedEvent(old, null));
          return;
        }
        this.#policies.set(policy.host, policy);
        this.#makeRoom();
        if (old === null || old.includeSubDomains !== policy.includeSubDomains) {
          this.dispatchEvent(new HstsChangedEvent(old, policy));
        }
      },
      failed: (error) => this.dispatchEvent(new StoreErrorEvent(error)),
    });
  }

  #enforce(session: FeatureSession, msg: HttpMessage): void {
    const { protocol, hostname } = msg.uri;
    if (protocol === "https:" || !this.isEnforced(hostname) || session.schemeOf(msg.uri) !== "http") return;
    const uri = new URL(msg.uri);
    // An explicit port 80 belongs to http: (RFC 6797 §8.3); URL drops it for http: but not for an alias.
    const port = uri.port === "80" ? "" : uri.port;
    msg.uri = new URL(`https://${hostname}${port && `:${port}`}${uri.pathname}${uri.search}${uri.hash}`);
    this.dispatchEvent(new HstsEnforcedEvent(msg));
    msg.dispatchEvent(new Event("hsts-enforced"));
  }

  #find(host: string): HstsPolicy | null {
    const session = this.#sessionPolicies.get(host);
    if (session) return session;
    const policy = this.#policies.get(host);
    return policy && !this.#hasEnded(policy) ? policy : null;
  }

  #hasEnded(policy: HstsPolicy): boolean {
    return policy.expires !== null && policy.expires.getTime() <= this.#now();
  }

  #set(policy: HstsPolicy): void {
    if (policy.expires === null) return this.#setIn(this.#sessionPolicies, policy);
    if (this.#hasEnded(policy)) return void this.#remove(this.#policies, policy.host);
    this.#setIn(this.#policies, policy);
  }

  #setIn(policies: Map<string, HstsPolicy>, policy: HstsPolicy): void {
    const old = policies.get(policy.host) ?? null;
    policies.set(policy.host, policy);
    this.#makeRoom();
    if (policies === this.#policies) {
      this.#unsaved = true;
      if (this.#isWorthWriting(old, policy)) this.#save(policy);
    }
    this.dispatchEvent(new HstsChangedEvent(old, policy));
  }

  #remove(policies: Map<string, HstsPolicy>, host: string): boolean {
    const old = policies.get(host);
    if (!old) return false;
    policies.delete(host);
    if (policies === this.#policies) this.#save({ ...old, expires: new Date(0) });
    this.dispatchEvent(new HstsChangedEvent(old, null));
    return true;
  }

  /** Every response moves the end of a policy by a moment; writing each would cost a file for each response. */
  #isWorthWriting(old: HstsPolicy | null, policy: HstsPolicy): boolean {
    if (!old?.expires || old.includeSubDomains !== policy.includeSubDomains) return true;
    const left = old.expires.getTime() - this.#now();
    return Math.abs(policy.expires!.getTime() - old.expires.getTime()) > Math.max(left, 0) * MIN_CHANGE;
  }

  #makeRoom(): void {
    if (this.#policies.size <= this.#maxPolicies) return;
    const byEnd = [...this.#policies.values()].sort((left, right) => endOf(left) - endOf(right));
    for (const policy of byEnd.slice(0, this.#policies.size - this.#maxPolicies)) this.#policies.delete(policy.host);
  }

  #save(changed: HstsPolicy | null = null): void {
    if (this.#closed) return;
    if (this.#shared !== null && changed !== null) {
      this.#shared.changed(changed);
      this.#shared.tell();
    }
    if (!this.#store) return;
    this.#store.save(this.getPolicies({ session: false }));
    this.#unsaved = false;
  }
}

/** Characters of a host name (RFC 1035 §2.3.4). */
const LONGEST_NAME = 253;

function endOf(policy: HstsPolicy): number {
  return policy.expires?.getTime() ?? Infinity;
}

/** A host name as policies know it; `null` for addresses. A trailing dot makes no difference. */
function canonicalHost(host: string): string | null {
  const name = host.toLowerCase().replace(/\.$/, "");
  // No longer name can be looked up, and each of its parents would be looked for.
  if (name === "" || name.length > LONGEST_NAME || name.startsWith("[") || builtin.net.isIP(name) !== 0) return null;
  if (!/[^\x21-\x7e]/.test(name)) return name;
  return URL.canParse(`http://${name}/`) ? new URL(`http://${name}/`).hostname : null;
}
