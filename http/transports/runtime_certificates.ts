/** The root certificates of the runtime and of the operating system, as far as this runtime hands them out. */
import * as tls from "node:tls";

// Looked up, not imported by name: Deno has it from 2.8, Node from 22.15, and importing a missing name ends the program.
const { getCACertificates } = tls as Partial<typeof tls>;

/** Whether the operating system's certificates can be read. */
export const readsSystemCertificates: boolean = getCACertificates !== undefined;

/** The runtime's own roots, or those of the operating system: none of these where the runtime cannot read them. */
export function runtimeCertificates(source: "default" | "system"): readonly string[] {
  if (getCACertificates !== undefined) return getCACertificates(source);
  return source === "default" ? tls.rootCertificates : [];
}
