/** The proxy settings of the environment, and the patterns of hosts that go without a proxy. */
import { bareHost, defaultPort } from "../../protocol/uri.ts";
import { platform } from "../../../internal/runtime.ts";

/** Whether a host and port are on a list. */
export type HostMatcher = (host: string, port: number) => boolean;

/** An address as a number, with the number of its bits. */
interface Address {
  readonly value: bigint;
  readonly bits: 32 | 128;
}

const MAPPED_PREFIX = 0xffffn << 32n;

/**
 * Compiles a list. A member is `*` (every host), `<local>` (hosts without a dot), a domain (`example.org`,
 * `.example.org` and `*.example.org` alike mean the domain and everything below it), a name with other wildcards, an
 * IP address, or a range such as `10.0.0.0/8`; each may be followed by a port. Names are not resolved. Members that
 * cannot be understood match nothing.
 */
export function compileHostPatterns(patterns: Iterable<string>): HostMatcher {
  const matchers: HostMatcher[] = [];
  for (const pattern of patterns) {
    const text = pattern.trim().toLowerCase();
    if (text !== "") matchers.push(compile(text));
  }
  return (host, port) => {
    const name = bareHost(host).toLowerCase().replace(/\.$/, "");
    return matchers.some((matches) => matches(name, port));
  };
}

function compile(pattern: string): HostMatcher {
  if (pattern === "*") return () => true;
  if (pattern === "<local>") return (host) => !host.includes(".") && !host.includes(":");
  const { name, port } = splitPort(pattern);
  const matchesName = compileName(name);
  return (host, actualPort) => (port === undefined || port === actualPort) && matchesName(host);
}

function compileName(name: string): (host: string) => boolean {
  const slash = name.lastIndexOf("/");
  const address = parseAddress(slash < 0 ? name : name.slice(0, slash));
  if (slash >= 0) return address === undefined ? () => false : compileRange(address, name.slice(slash + 1));
  if (address !== undefined) return (host) => isSame(parseAddress(host), address);
  const domain = name.replace(/^\*?\./, "").replace(/\.$/, "");
  if (!domain.includes("*")) {
    return (host) => host === domain || (host.endsWith(`.${domain}`) && parseAddress(host) === undefined);
  }
  const parts = name.split("*");
  return (host) => matchesParts(host, parts);
}

/** Wildcards by hand: a pattern of a regular expression could be made to backtrack forever. */
function matchesParts(host: string, parts: readonly string[]): boolean {
  const last = parts.at(-1)!;
  if (!host.startsWith(parts[0]!) || !host.endsWith(last)) return false;
  let position = parts[0]!.length;
  for (const part of parts.slice(1, -1)) {
    const found = host.indexOf(part, position);
    if (found < 0) return false;
    position = found + part.length;
  }
  return position <= host.length - last.length;
}

function compileRange(address: Address, length: string): (host: string) => boolean {
  const prefix = /^\d{1,3}$/.test(length) ? Number(length) : NaN;
  if (!(prefix <= address.bits)) return () => false;
  const shift = BigInt(address.bits - prefix);
  return (host) => {
    const other = parseAddress(host);
    return other?.bits === address.bits && other.value >> shift === address.value >> shift;
  };
}

function isSame(left: Address | undefined, right: Address): boolean {
  return left?.bits === right.bits && left.value === right.value;
}

/** Splits `host:port` and `[address]:port`; a bare IPv6 address keeps its colons. */
function splitPort(text: string): { name: string; port: number | undefined } {
  const bracketed = /^\[([^\]]*)\](\/\d+)?(?::(\d{1,5}))?$/.exec(text);
  if (bracketed !== null) {
    return { name: bracketed[1]! + (bracketed[2] ?? ""), port: bracketed[3] === undefined ? undefined : +bracketed[3] };
  }
  const plain = /^([^:]*):(\d{1,5})$/.exec(text);
  return plain === null ? { name: text, port: undefined } : { name: plain[1]!, port: Number(plain[2]) };
}

function parseAddress(text: string): Address | undefined {
  if (text.includes(":")) return parseIpv6(text);
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let value = 0n;
  for (const part of match.slice(1)) {
    if (Number(part) > 255) return undefined;
    value = value << 8n | BigInt(part);
  }
  return { value, bits: 32 };
}

function parseIpv6(text: string): Address | undefined {
  const uri = `http://[${text.split("%", 1)[0]!}]/`;
  if (!URL.canParse(uri)) return undefined;
  // The URL parser writes an address in one way only: lower case, one "::", no dots.
  const [left, right] = bareHost(new URL(uri).hostname).split("::") as [string, string?];
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
  const value = groups.reduce((sum, group) => sum << 16n | BigInt(`0x${group}`), 0n);
  // An IPv4-mapped IPv6 address is the IPv4 address (RFC 4291 §2.5.5.2).
  return value >> 32n << 32n === MAPPED_PREFIX ? { value: value & 0xffffffffn, bits: 32 } : { value, bits: 128 };
}

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy the environment names for a URI, or null for a direct connection: `http_proxy`, `https_proxy`, then
 * `all_proxy`, except for hosts in `no_proxy`. Lower-case names win over upper-case ones. `HTTP_PROXY` is not believed in
 * a CGI program, where it is what a client sent in its `Proxy` header.
 */
export function proxyOfEnvironment(uri: URL, isTls: boolean, environment: Environment): string | null {
  const proxy = (isTls ? read(environment, "https_proxy") : readHttpProxy(environment)) ??
    read(environment, "all_proxy");
  if (proxy === undefined) return null;
  const excluded = read(environment, "no_proxy");
  if (excluded === undefined) return proxy;
  const port = uri.port === "" ? defaultPort(isTls ? "https" : "http") : Number(uri.port);
  return matcherOf(excluded)(uri.hostname, port) ? null : proxy;
}

let lastList = "";
let lastMatcher: HostMatcher | undefined;

/** The list hardly ever changes between requests. */
function matcherOf(list: string): HostMatcher {
  if (lastMatcher === undefined || list !== lastList) {
    lastList = list;
    lastMatcher = compileHostPatterns(list.split(/[\s,]+/));
  }
  return lastMatcher;
}

function readHttpProxy(environment: Environment): string | undefined {
  const isCgi = (environment["REQUEST_METHOD"] ?? "") !== "";
  if (!isCgi) return read(environment, "http_proxy");
  // Where names have no case, the lower-case name gives what the client sent as well.
  return platform === "win32" ? undefined : nonEmpty(environment["http_proxy"]);
}

function read(environment: Environment, name: string): string | undefined {
  return nonEmpty(environment[name]) ?? nonEmpty(environment[name.toUpperCase()]);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === "" ? undefined : text.trim();
}
