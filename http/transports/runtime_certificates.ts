/** The root certificates of the runtime and of the operating system, as far as this runtime hands them out. */
import { builtin } from "../../internal/builtin_modules.ts";

/** Deno has it from 2.8, Node from 22.15. */
type Reader = (source: "default" | "system") => readonly string[];

function reader(): Reader | undefined {
  return (builtin.tls as { getCACertificates?: Reader }).getCACertificates;
}

/** Whether the operating system's certificates can be read. */
export function readsSystemCertificates(): boolean {
  return reader() !== undefined;
}

/** The runtime's own roots, or those of the operating system: none of these where the runtime cannot read them. */
export function runtimeCertificates(source: "default" | "system"): readonly string[] {
  return reader()?.(source) ?? (source === "default" ? builtin.tls.rootCertificates : []);
}
