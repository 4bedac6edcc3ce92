/**
 * HSTS policies: the field that makes them, where they outlive the process, and those that other processes have, too, which are
 * looked up before a message and told the store after a response.
 *
 * @module
 */
import { checkPath } from "../../../internal/expected.ts";
import { StoreUse, type WhenUnreachable } from "../../contract/shared_store.ts";
import { readTextIfExists, removeAbandoned, replaceFile, withFile } from "../../storage/atomic_file.ts";

/** One host that must be contacted over TLS (RFC 6797 §5.3). */
export interface HstsPolicy {
  /** The host name, lower case, in its ASCII form. */
  readonly host: string;
  /** Whether subdomains are covered as well. */
  readonly includeSubDomains: boolean;
  /** When the policy ends; `null` for one that lasts as long as the enforcer. */
  readonly expires: Date | null;
}

/** What keeps the policies of an `HstsEnforcer`. */
export interface HstsStore {
  /** The policies kept so far. */
  load(): Iterable<HstsPolicy>;
  /** Keeps exactly these policies; returns when they are safe. */
  save(policies: Iterable<HstsPolicy>): void;
}

/**
 * What keeps the policies of enforcers in several processes. An enforcer asks before each message that would go without
 * TLS, and a response is there when its policy is kept.
 */
export interface SharedHstsStore {
  /** Its methods answer later. */
  readonly synchronous: false;
  /** What becomes of a message while the store cannot be reached. @default {"open"} */
  readonly whenUnreachable?: WhenUnreachable | undefined;
  /** The policies of these hosts; one that was removed is one that has ended, for as long as somebody may have it. */
  find(hosts: readonly string[]): Promise<HstsPolicy[]>;
  /** Keeps policies; one that has ended is removed. */
  put(policies: readonly HstsPolicy[]): Promise<void>;
  /** Frees what the store holds. */
  close?(): void | Promise<void>;
}

const HEADER = "# HSTS policies. One line per host, a leading dot covers its subdomains, times are UTC.\n";
const LINE = /^(\.?)(\S+) "(\d{4})(\d{2})(\d{2}) (\d{2}):(\d{2}):(\d{2})"$/;

/**
 * HSTS policies in a text file, one line per host, in the layout that curl's `--hsts` reads and writes. The file is
 * replaced as a whole, so that a killed process leaves the old or the new one. Policies without an end are not written. One
 * enforcer at a time may use a file: what another has written since is lost with the next change. A
 * {@linkcode SharedHstsStore} is for several processes.
 *
 * @example Keep policies between runs
 * ```ts
 * import { HstsEnforcer, HstsFileStore } from "@gp11/gp11/http";
 * import { tmpdir } from "node:os";
 *
 * const enforcer = new HstsEnforcer({ store: new HstsFileStore(`${tmpdir()}/hsts-example.txt`) });
 * enforcer.setPolicy({ host: "example.com", includeSubDomains: true, expires: new Date(Date.now() + 86_400_000) });
 * ```
 */
export class HstsFileStore implements HstsStore {
  /** The file's path. */
  readonly path: string;

  /** Names the file; it is read when an enforcer takes the store and need not exist. */
  constructor(path: string) {
    this.path = checkPath("keep HSTS policies", path);
  }

  /** The policies in the file; lines of another layout are passed over. */
  load(): HstsPolicy[] {
    const text = withFile(`read the HSTS policies in ${this.path}`, () => {
      removeAbandoned(this.path);
      return readTextIfExists(this.path) ?? "";
    });
    const policies: HstsPolicy[] = [];
    for (const line of text.split("\n")) {
      const match = LINE.exec(line.trim());
      if (!match) continue;
      const [, dot, host, year, month, day, hour, minute, second] = match;
      const time = Date.UTC(+year!, +month! - 1, +day!, +hour!, +minute!, +second!);
      policies.push({ host: host!.toLowerCase(), includeSubDomains: dot === ".", expires: new Date(time) });
    }
    return policies;
  }

  /** Replaces the file. */
  save(policies: Iterable<HstsPolicy>): void {
    let text = HEADER;
    for (const { host, includeSubDomains, expires } of policies) {
      if (expires) text += `${includeSubDomains ? "." : ""}${host} "${formatTime(expires)}"\n`;
    }
    withFile(`write the HSTS policies to ${this.path}`, () => replaceFile(this.path, text));
  }
}

function formatTime(date: Date): string {
  const iso = date.toISOString();
  return `${iso.slice(0, 10).replaceAll("-", "")} ${iso.slice(11, 19)}`;
}

/** What a valid Strict-Transport-Security field says (RFC 6797 §6.1). */
interface StrictTransportSecurity {
  /** How long the policy lasts, in seconds; 0 withdraws it. */
  maxAge: number;
  /** Whether the policy covers every subdomain. */
  includeSubDomains: boolean;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** A hundred years: longer ones mean "for ever" and would leave the range of dates. */
const LONGEST_MAX_AGE = 100 * 365 * 86_400;

/**
 * Reads a Strict-Transport-Security field. Of several fields joined by commas only the first counts (RFC 6797 §8.1);
 * an invalid one is `null` (§6.1: a missing or malformed max-age, a repeated directive, a value on includeSubDomains).
 */
export function parseStrictTransportSecurity(field: string): StrictTransportSecurity | null {
  const seen = new Map<string, string | null>();
  for (const part of splitDirectives(field)) {
    const text = part.trim();
    if (text === "") continue;
    const equals = text.indexOf("=");
    const name = (equals < 0 ? text : text.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? null : unquote(text.slice(equals + 1).trim());
    if (!TOKEN.test(name) || value === undefined || seen.has(name)) return null;
    seen.set(name, value);
  }
  const maxAge = seen.get("max-age");
  if (maxAge === undefined || maxAge === null || !/^[0-9]+$/.test(maxAge)) return null;
  if (seen.has("includesubdomains") && seen.get("includesubdomains") !== null) return null;
  return { maxAge: Math.min(Number(maxAge), LONGEST_MAX_AGE), includeSubDomains: seen.has("includesubdomains") };
}

/** The directives of the first field; quoted strings may hold any separator. */
function splitDirectives(field: string): string[] {
  const parts: string[] = [];
  let quoted = false;
  let start = 0;
  for (let index = 0; index < field.length; index++) {
    const char = field[index];
    if (quoted && char === "\\") index++;
    else if (char === '"') quoted = !quoted;
    else if (!quoted && char === ";") {
      parts.push(field.slice(start, index));
      start = index + 1;
    } else if (!quoted && char === ",") {
      parts.push(field.slice(start, index));
      return parts;
    }
  }
  parts.push(field.slice(start));
  return parts;
}

/** A token or a quoted string; `undefined` when it is neither. */
function unquote(text: string): string | undefined {
  if (TOKEN.test(text)) return text;
  const match = /^"((?:[^"\\]|\\.)*)"$/s.exec(text);
  return match ? match[1]!.replace(/\\(.)/gs, "$1") : undefined;
}

/** What the policies of an enforcer are to its shared side. */
interface KnownPolicies {
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
