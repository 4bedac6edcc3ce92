/** Where HSTS policies outlive the process. */
import { checkPath } from "../../../internal/expected.ts";
import type { WhenUnreachable } from "../../contract/shared_store.ts";
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
