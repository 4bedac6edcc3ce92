/** The system's GnuTLS, and what is said where it is missing. */
import { platform, runtimeName } from "../../internal/runtime.ts";
import { NotSupportedError } from "../../internal/not_supported_error.ts";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { Gnutls } from "../../ffi/tables/gnutls.ts";

const opened = new Map<string | undefined, Gnutls>();

/**
 * GnuTLS, opened on first use.
 *
 * @param path The library; the system's by default.
 * @throws {NotSupportedError} when there is none that can be used, naming what was tried and what to install
 */
export function openGnutls(path?: string): Gnutls {
  let gnutls = opened.get(path);
  if (gnutls === undefined) opened.set(path, gnutls = open(path));
  return gnutls;
}

function open(path: string | undefined): Gnutls {
  const tried: string[] = [];
  for (const candidate of platform === "win32" ? [] : path === undefined ? candidates() : [path]) {
    try {
      return Gnutls.open(candidate);
    } catch (error) {
      // Which permission is missing the runtime says itself.
      if (isRefusal(error)) throw error;
      tried.push(`${candidate} (${reasonOf(error, candidate)})`);
    }
  }
  const reason = whyUnusable(platform, tried);
  throw new NotSupportedError("use a client certificate whose key is in a token", runtimeName(), reason);
}

/** Why a system has no GnuTLS that can be used, and what helps; `tried` are the libraries with what is wrong with them. */
export function whyUnusable(system: string, tried: readonly string[]): string {
  const needs =
    "client certificates with a key in a token need GnuTLS, as the runtime's own TLS takes exportable keys only";
  if (system === "win32") return `${needs}, and Windows has no pairs of sockets, which carry its bytes`;
  const [name] = Gnutls.candidates(system).slice(-1);
  const packages = system === "darwin"
    ? "gnutls (Homebrew)"
    : "libgnutls30 (Debian and Ubuntu, libgnutls30t64 on later ones), gnutls (Fedora, Arch, Alpine)";
  return `${needs} (${name}, 3.6.5 or later, built with p11-kit); tried ${
    tried.join("; ")
  }. Install ${packages} or name ` +
    "the library as gnutls";
}

/** Where permissions are given by path, the paths that have one; without any the first, so that the runtime asks. */
function candidates(): string[] {
  const all = Gnutls.candidates();
  const allowed = all.filter((path) => nativeRuntime().allows(path));
  return allowed.length === 0 ? all.slice(0, 1) : allowed;
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && (error.name === "NotCapable" || error.name === "PermissionDenied");
}

function reasonOf(error: unknown, path: string): string {
  const text = error instanceof Error ? error.message : String(error);
  const start = text.lastIndexOf(`${path}: `);
  return start < 0 ? text : text.slice(start + path.length + 2);
}
