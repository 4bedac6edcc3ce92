/**
 * Policies that other processes have, too: looked up before a message, told the store after a response.
 *
 * @module
 */
import { StoreUse } from "../../contract/shared_store.ts";
import type { HstsPolicy, SharedHstsStore } from "./store.ts";

/** What the policies of an enforcer are to its shared side. */
export interface KnownPolicies {
  /** A host's policy here, if there is one. */
  find(host: string): HstsPolicy | undefined;
  /** A policy of another process; one that has ended is none. */
  take(policy: HstsPolicy): void;
  /** The store cannot be used. */
  failed(error: unknown): void;
}

/** The shared side of one enforcer. */
export class SharedPolicies {
  readonly #known: KnownPolicies;
  readonly #use: StoreUse<SharedHstsStore>;
  /** What the store has not heard of, by host. */
  readonly #untold = new Map<string, HstsPolicy>();
  #telling: Promise<void> | null = null;

  constructor(store: SharedHstsStore, known: KnownPolicies) {
    this.#known = known;
    this.#use = new StoreUse(store, "the store of HSTS policies", (error) => known.failed(error));
  }

  /** Learns what others know of a host and the domains above it. */
  async lookUp(host: string): Promise<void> {
    const hosts = [host];
    for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) hosts.push(host.slice(dot + 1));
    await this.#use.forMessage(this.#tell().then(() => this.#use.told(() => this.#ask(hosts))), "connect");
  }

  async #ask(hosts: readonly string[]): Promise<void> {
    const found = await this.#use.store.find(hosts);
    for (const policy of found) if (!this.#untold.has(policy.host)) this.#known.take(policy);
    // A server that began anew is told what it has lost.
    const names = new Set(found.map((policy) => policy.host));
    const lost = hosts.map((name) => this.#known.find(name)).filter((own) => own && !names.has(own.host));
    if (lost.length > 0) await this.#use.store.put(lost as HstsPolicy[]);
  }

  /** A policy has changed here; one that has ended was removed. */
  changed(policy: HstsPolicy): void {
    this.#untold.set(policy.host, policy);
  }

  /** Resolves when the store has the policy of a response. */
  async kept(): Promise<void> {
    await this.#use.forMessage(this.#tell(), "response");
  }

  /** Tells the store soon; what it cannot be told now it is told later. */
  tell(): void {
    this.#tell().catch(() => {}); // It is told where it fails.
  }

  /** Tells the store what it lacks, if that can be done, and frees it. */
  async close(): Promise<void> {
    await this.#tell().catch(() => {});
    await this.#use.store.close?.();
  }

  #tell(): Promise<void> {
    return this.#telling ??= this.#use.told(() => this.#tellAll()).finally(() => this.#telling = null);
  }

  async #tellAll(): Promise<void> {
    await null; // All that changes in this turn is told in one.
    while (this.#untold.size > 0) {
      const told = [...this.#untold];
      await this.#use.store.put(told.map(([, policy]) => policy));
      for (const [host, policy] of told) if (this.#untold.get(host) === policy) this.#untold.delete(host);
    }
  }
}
