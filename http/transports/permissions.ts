/**
 * What this program may look at without its user being asked: Deno puts a question on the terminal, and waits, for what
 * was neither allowed nor denied. Elsewhere there is nobody to ask. The root certificates stand here, too, as they are
 * looked at in this way.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import { environmentValue } from "../../internal/runtime.ts";
import { secureExecution } from "../../internal/secure_execution.ts";

interface Permissions {
  querySync(descriptor: Record<string, string>): { readonly state: string };
}

/** Whether something may be looked at. */
export function isGranted(descriptor: Record<string, string>): boolean {
  const { permissions } = (globalThis as unknown as { Deno?: { permissions?: Permissions } }).Deno ?? {};
  return permissions === undefined || permissions.querySync(descriptor).state === "granted";
}

/** A variable of the environment; undefined where it may not be read. */
export function environmentVariable(name: string): string | undefined {
  return isGranted({ name: "env", variable: name }) ? environmentValue(name) : undefined;
}

/** Variables of the environment to believe: none in a program with more rights than its caller. */
export function trustedEnvironment(): Readonly<Record<string, string | undefined>> {
  return secureExecution(isGranted) === true ? {} : builtin.process.env;
}

/** A set of the runtime's root certificates; null where it may not be read: the runtime itself goes on using it. */
export function readableCertificates(source: "default" | "system"): readonly string[] | null {
  // The default set depends on a variable of the environment, which is read on the way.
  const isReadable = isGranted({ name: "sys" }) &&
    (source === "system" || isGranted({ name: "env", variable: "NODE_USE_SYSTEM_CA" }));
  return isReadable ? runtimeCertificates(source) : null;
}

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
function runtimeCertificates(source: "default" | "system"): readonly string[] {
  return reader()?.(source) ?? (source === "default" ? builtin.tls.rootCertificates : []);
}
