/** The system's GnuTLS, what its sessions offer, what is said where it is missing, and the errors it answers. */
import { platform, runtimeName } from "../../internal/runtime.ts";
import { NotSupportedError } from "../../internal/error_brand.ts";
import type { Block } from "../../ffi/memory/block.ts";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { GNUTLS, Gnutls, GNUTLS_E, intWord } from "../../ffi/tables/gnutls.ts";
import { memory, putText } from "./native_memory.ts";
import { TlsError } from "../errors.ts";
import { callNative, onEventLoop, type Work } from "./work.ts";

/** What the system's policy allows, without what no runtime speaks any more (RFC 8996). */
const ALLOWED = "-VERS-TLS1.0:-VERS-TLS1.1:-VERS-DTLS-ALL";
/** The group that the runtimes' own TLS prefers, and the one that takes GnuTLS longer, its clients and most servers. */
const PREFERRED = "X25519";
const OTHER = "SECP256R1";

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

const ADVICE: ReadonlyMap<number, string> = new Map([
  [GNUTLS_E.PREMATURE_TERMINATION, "the peer has closed the connection without saying so: what has arrived may be cut"],
  [GNUTLS_E.UNEXPECTED_PACKET_LENGTH, "the connection has ended in the middle of a record: what has arrived is cut"],
  [GNUTLS_E.UNEXPECTED_PACKET, "what has arrived is no TLS; is it a port without TLS?"],
  [GNUTLS_E.CERTIFICATE_KEY_MISMATCH, "give the certificate of this very key"],
  [GNUTLS_E.PKCS11_REQUESTED_OBJECT_NOT_AVAILABLE, "GnuTLS cannot find the key: is its module the one that was named?"],
  [GNUTLS_E.PKCS11_LOAD_ERROR, "GnuTLS cannot load the module"],
  [GNUTLS_E.PKCS11_PIN_ERROR, "the token wants its PIN"],
]);

/** The error for what GnuTLS has answered; `action` completes "Cannot …". */
export function tlsError(gnutls: Gnutls, action: string, number: number, session?: bigint): TlsError {
  const code = gnutls.text("gnutls_strerror_name", intWord(number)) || `GNUTLS_E ${number}`;
  const words = gnutls.text("gnutls_strerror", intWord(number)).replace(/\.$/, "");
  const isAlert = number === GNUTLS_E.FATAL_ALERT_RECEIVED || number === GNUTLS_E.WARNING_ALERT_RECEIVED;
  const alert = isAlert && session !== undefined
    ? gnutls.text("gnutls_alert_get_name", BigInt(gnutls.int("gnutls_alert_get", session)))
    : "";
  const advice = alert === "" ? ADVICE.get(number) : `the peer said "${alert}"`;
  return new TlsError(
    `Cannot ${action}: ${advice === undefined ? words : `${words}, ${advice}`} (${code}, ${number})`,
    { code, number, alert },
  );
}

/** Throws for an answer that is an error; gives back any other. */
export function checked(gnutls: Gnutls, action: string, answer: number): number {
  if (answer < 0) throw tlsError(gnutls, action, answer);
  return answer;
}

const added = new Map<Gnutls, Map<string, Promise<void>>>();

/** Has GnuTLS load a module, and no others that the system has registered. */
export function addModule(gnutls: Gnutls, path: string): Promise<void> {
  let modules = added.get(gnutls);
  if (modules === undefined) added.set(gnutls, modules = new Map());
  let adding = modules.get(path);
  if (adding === undefined) {
    modules.set(path, adding = onEventLoop(addProvider(gnutls, path)));
    adding.catch(() => modules.delete(path));
  }
  return adding;
}

function* addProvider(gnutls: Gnutls, path: string): Work<void> {
  const action = `have GnuTLS load the module ${path}`;
  const block = memory(path.length * 3 + 64);
  const begin = { fn: gnutls.get("gnutls_pkcs11_init"), args: [GNUTLS.PKCS11_FLAG_MANUAL, 0n] };
  checked(gnutls, action, yield* callNative(begin));
  const add = { fn: gnutls.get("gnutls_pkcs11_add_provider"), args: [putText(block, path), 0n] };
  checked(gnutls, action, yield* callNative(add, block));
}

const prioritiesOf = new Map<Gnutls, bigint>();

/**
 * The priorities of every session, made once: those of the system's policy, with X25519 right in front of P-256 where it
 * allows both.
 *
 * @throws {TlsError} when GnuTLS cannot make them
 */
export function priorities(gnutls: Gnutls): bigint {
  let known = prioritiesOf.get(gnutls);
  if (known === undefined) prioritiesOf.set(gnutls, known = inOrder(gnutls, ALLOWED));
  return known;
}

/** {@linkcode priorities} of what is allowed by the system's policy and a text behind it. */
export function inOrder(gnutls: Gnutls, policy: string): bigint {
  const allowed = memory(8);
  const answer = parse(gnutls, policy, allowed);
  if (answer < 0) throw tlsError(gnutls, "prepare TLS", answer);
  const groups = groupsOf(gnutls, allowed.getPointer(0));
  const [preferred, other] = [groups.indexOf(PREFERRED), groups.indexOf(OTHER)];
  if (preferred < other || other < 0) return allowed.getPointer(0);
  groups.splice(preferred, 1);
  groups.splice(other, 0, PREFERRED);
  const ordered = memory(8);
  const text = [policy, "-GROUP-ALL", ...groups.map((name) => `+GROUP-${name}`)].join(":");
  // A group that has no word in this version of GnuTLS must not be lost: then all stays as it is.
  if (parse(gnutls, text, ordered) < 0) return allowed.getPointer(0);
  const isRight = groupsOf(gnutls, ordered.getPointer(0)).join() === groups.join();
  const [kept, dropped] = isRight ? [ordered, allowed] : [allowed, ordered];
  gnutls.call("gnutls_priority_deinit", dropped.getPointer(0));
  return kept.getPointer(0);
}

function parse(gnutls: Gnutls, text: string, into: Block): number {
  const block = memory(text.length + 1);
  return gnutls.int("gnutls_priority_init2", into.base, putText(block, text), 0n, GNUTLS.PRIORITY_INIT_DEF_APPEND);
}

/** The names of the groups, preferred first. */
export function groupsOf(gnutls: Gnutls, priorities: bigint): string[] {
  const list = memory(8);
  const count = gnutls.int("gnutls_priority_group_list", priorities, list.base);
  const numbers = new Uint32Array(new ArrayBuffer(4 * Math.max(0, count)));
  nativeRuntime().read(list.getPointer(0), new Uint8Array(numbers.buffer));
  return Array.from(numbers, (number) => gnutls.text("gnutls_group_get_name", BigInt(number)));
}
