/**
 * Addresses of hosts.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import { unexpected } from "../../internal/expected.ts";

/** One address of a host. */
export interface HostAddress {
  /** The address, without brackets. */
  readonly address: string;
  /** 4 or 6. */
  readonly family: 4 | 6;
}

/**
 * Finds the addresses of a host, the preferred first; an empty list says that there is none. It is not asked about hosts
 * that are addresses already.
 */
export type HostLookup = (
  host: string,
  options: { readonly signal: AbortSignal },
) => Promise<readonly HostAddress[]> | readonly HostAddress[];

/**
 * Checks what a look-up has found.
 *
 * @throws {TypeError} If it is no list of addresses.
 */
export function checkAddresses(found: unknown): readonly HostAddress[] {
  if (!Array.isArray(found)) throw unexpected("use the addresses", "a list of { address, family }", found);
  return found.map((each: unknown) => {
    const address: unknown = (each as Partial<HostAddress> | null)?.address;
    const family = typeof address === "string" ? builtin.net.isIP(address) : 0;
    if (family === 0) throw new TypeError("Cannot use the addresses: one of them is no IP address");
    return { address: address as string, family: family as 4 | 6 };
  });
}
