/** The feature that chooses proxies, and the lists of them that PAC functions return. */
import { parseProxyUri } from "../../transports/proxy_uri.ts";
import type { ProxyTarget } from "../../transports/transport.ts";
import { brandError } from "../../../internal/error_brand.ts";
import {
  checkFunction,
  checkIterable,
  checkOwnOptions,
  type OptionNames,
  unexpected,
} from "../../../internal/expected.ts";
import { trustedEnvironment } from "../../transports/permissions.ts";
import type { SessionFeature } from "../../contract/feature.ts";
import type { HttpMessage } from "../../message/message.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import { HttpStatus } from "../../protocol/status.ts";
import { defaultPort } from "../../protocol/uri.ts";
import { compileHostPatterns, type Environment, type HostMatcher, proxyOfEnvironment } from "./environment.ts";

/** Proxies in the order they are tried; null is a direct connection. */
export type ProxyList = readonly (ProxyTarget | null)[];

/** The keywords of PAC. Plain SOCKS means version 5 here: no transport speaks version 4. */
const PAC_SCHEMES: Record<string, string> = {
  PROXY: "http",
  HTTP: "http",
  HTTPS: "https",
  SOCKS: "socks5",
  SOCKS5: "socks5",
};
const PAC_ITEM = /^(DIRECT|PROXY|HTTP|HTTPS|SOCKS|SOCKS4|SOCKS5)(?:\s+(\S+))?$/i;

/** Whether a text is written as PAC functions write their results. */
export function isPacResult(text: string): boolean {
  return text.split(";").some((item) => PAC_ITEM.test(item.trim()));
}

/**
 * Reads the result of a PAC function, for example `PROXY a:3128; SOCKS5 b; DIRECT`. Items that cannot be used (SOCKS4,
 * unknown words) are passed over, as browsers do.
 *
 * @throws {TypeError} If nothing is left.
 */
export function parsePacResult(text: string): ProxyList {
  const list: (ProxyTarget | null)[] = [];
  for (const item of text.split(";")) {
    const match = PAC_ITEM.exec(item.trim());
    if (match === null) continue;
    const keyword = match[1]!.toUpperCase();
    if (keyword === "DIRECT") list.push(null);
    else if (match[2] !== undefined && Object.hasOwn(PAC_SCHEMES, keyword)) {
      const uri = `${PAC_SCHEMES[keyword]}://${match[2]}`;
      if (URL.canParse(uri)) list.push(parseProxyUri(uri));
    }
  }
  if (list.length === 0) throw new TypeError("Cannot use the proxies: the list names none that can be used");
  return list;
}

/** The address by which a proxy is remembered. */
function proxyKey(proxy: ProxyTarget | null): string {
  return proxy === null ? "direct" : `${proxy.scheme}://${proxy.uri.host}`;
}

/**
 * What a proxy function answers: the URI of a proxy, the result of a PAC function such as `PROXY a:3128; DIRECT`, a
 * list of proxies to try one after the other, null for a direct connection, or undefined to leave the choice to the
 * next resolver.
 */
export type ProxyAnswer = string | URL | null | undefined | readonly (string | URL | null)[];

/** Chooses the proxy for a URI; `msg` is null when no message is at hand. */
export type ProxyFunction = (uri: URL, msg: HttpMessage | null) => ProxyAnswer | Promise<ProxyAnswer>;

/** Options of {@linkcode ProxyResolver.fromUri}. */
export interface StaticProxyOptions {
  /**
   * Hosts that are reached directly: domains (with everything below them), addresses, ranges such as `10.0.0.0/8`,
   * `<local>` for names without a dot, each with or without a port.
   *
   * @default {[]}
   */
  readonly ignoreHosts?: readonly string[] | ReadonlySet<string> | undefined;
}

const staticNames: OptionNames<StaticProxyOptions> = { ignoreHosts: true };

/** Options of {@linkcode ProxyResolver.fromEnvironment}. */
export interface EnvironmentProxyOptions {
  /**
   * The environment to read, at every request. Without it that of the process; in a program with more rights than its
   * caller (setuid) nothing.
   *
   * @default {process.env}
   */
  readonly env?: Environment | undefined;
}

const environmentNames: OptionNames<EnvironmentProxyOptions> = { env: true };

/** Raised when a proxy function fails or answers with something that is no proxy; ends the message. */
export class ProxyResolutionError extends Error {
  /** The status the message ends with: `CANT_RESOLVE_PROXY`. */
  readonly status: number = HttpStatus.CANT_RESOLVE_PROXY;
}

brandError(ProxyResolutionError, "ProxyResolutionError");

/** How long a proxy that could not be reached is tried after the others only. */
const AVOID_TIME = 300_000;
const MAX_KNOWN = 256;

/**
 * Chooses the proxy of each request: one for all of them, the environment's, or what a function says. When a proxy
 * cannot be reached, the next one of its list is tried, and the one that failed goes to the end of every list for five
 * minutes. After `SoupProxyURIResolver`.
 *
 * @example A proxy for everything outside the local network
 * ```ts
 * import { HttpSession, ProxyResolver } from "@gp11/gp11/http";
 *
 * await using session = new HttpSession();
 * session.addFeature(ProxyResolver.fromUri("http://proxy.example.org:3128", { ignoreHosts: ["10.0.0.0/8", "<local>"] }));
 * ```
 *
 * @example A function, with the results of PAC
 * ```ts
 * import { ProxyResolver } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const resolver = ProxyResolver.fromFunction((uri) => uri.hostname === "intranet" ? null : "PROXY a:3128; DIRECT");
 * const proxy = await resolver.resolveProxy(new URL("http://example.org/"), null);
 * assertEquals(proxy?.uri.href, "http://a:3128/");
 * ```
 */
export class ProxyResolver implements SessionFeature {
  #choose: ProxyFunction;
  /** Proxies that could not be reached, and when they may come first again. */
  #avoided = new Map<string, number>();
  #attempts = new WeakMap<HttpMessage, ProxyAttempts>();
  #targets = new Map<string, ProxyTarget>();

  /** Makes a resolver of a function; see {@linkcode ProxyResolver.fromFunction}. */
  constructor(choose: ProxyFunction) {
    checkFunction("make a ProxyResolver", choose);
    this.#choose = choose;
  }

  /**
   * One proxy for every URI: `http://`, `https://`, `socks5://` (the proxy is given addresses or names as the transport
   * can) or `socks5h://`, with or without user information.
   *
   * @throws {TypeError} If the URI names no proxy.
   */
  static fromUri(uri: string | URL, options: StaticProxyOptions = {}): StaticProxyResolver {
    return new StaticProxyResolver(uri, options);
  }

  /**
   * The proxies of the environment: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in lower or upper case,
   * except that `HTTP_PROXY` is not believed in a CGI program. `no_proxy` is a list as in
   * {@linkcode StaticProxyOptions.ignoreHosts}, or `*`. The environment is read at every request.
   */
  static fromEnvironment(options: EnvironmentProxyOptions = {}): ProxyResolver {
    checkOwnOptions("make a ProxyResolver", options, environmentNames);
    return new ProxyResolver((uri) => proxyOfEnvironment(uri, isTls(uri), options.env ?? trustedEnvironment()));
  }

  /** Asks a function, which may be asynchronous, for every request. */
  static fromFunction(choose: ProxyFunction): ProxyResolver {
    return new ProxyResolver(choose);
  }

  /**
   * The proxies for a URI, in the order they are to be tried, or undefined when this resolver leaves the choice to
   * another.
   *
   * @throws {ProxyResolutionError} If the function fails or its answer names no proxy.
   */
  resolve(uri: URL, msg: HttpMessage | null = null): ProxyList | undefined | Promise<ProxyList | undefined> {
    if (!(uri instanceof URL)) throw unexpected("choose a proxy", "a URL", uri);
    try {
      const answer = this.#choose(uri, msg);
      if (!(answer instanceof Promise)) return readAnswer(answer);
      return answer.then(readAnswer).catch((cause: unknown) => Promise.reject(resolutionError(uri, cause)));
    } catch (cause) {
      throw resolutionError(uri, cause);
    }
  }

  /** The proxy to use now. Called by the session. */
  resolveProxy(
    uri: URL,
    msg: HttpMessage | null,
  ): ProxyTarget | null | undefined | Promise<ProxyTarget | null | undefined> {
    const list = this.resolve(uri, msg);
    return list instanceof Promise ? list.then((proxies) => this.#next(uri, msg, proxies)) : this.#next(uri, msg, list);
  }

  #next(uri: URL, msg: HttpMessage | null, list: ProxyList | undefined): ProxyTarget | null | undefined {
    if (list === undefined) return undefined;
    const attempts = msg === null ? undefined : this.#attemptsOf(msg, uri);
    const choices = this.#order(list).filter((proxy) => !attempts?.failed.has(proxyKey(proxy)));
    const choice = this.#known(choices[0] ?? list[0] ?? null);
    if (attempts !== undefined) {
      attempts.current = proxyKey(choice);
      attempts.hasNext = choices.length > 1;
    }
    return choice;
  }

  /** Goes on to the next proxy when this one could not be reached. Called by the session. */
  attemptEnded(session: FeatureSession, msg: HttpMessage): void {
    if (this.#noteFailure(msg)) session.requeueMessage(msg);
  }

  /** Forgets the message. Called by the session. */
  requestUnqueued(_session: FeatureSession, msg: HttpMessage): void {
    const attempts = this.#attempts.get(msg);
    if (attempts === undefined) return;
    msg.removeEventListener("restarted", attempts.onRestarted);
    this.#attempts.delete(msg);
  }

  /** Remembers that the proxy of this attempt could not be reached, if that is so; true when there is another one. */
  #noteFailure(msg: HttpMessage): boolean {
    const attempts = this.#attempts.get(msg);
    if (attempts === undefined || attempts.current === "direct") return false;
    if (msg.statusCode !== HttpStatus.CANT_RESOLVE_PROXY && msg.statusCode !== HttpStatus.CANT_CONNECT_PROXY) {
      return false;
    }
    this.#avoided.set(attempts.current, Date.now() + AVOID_TIME);
    attempts.failed.add(attempts.current);
    return attempts.hasNext;
  }

  /** The same object for the same proxy: that is how sessions know connections they can use again. */
  #known(proxy: ProxyTarget | null): ProxyTarget | null {
    if (proxy === null) return null;
    const key = JSON.stringify([proxyKey(proxy), proxy.username, proxy.password]);
    const known = this.#targets.get(key);
    if (known !== undefined) return known;
    if (this.#targets.size >= MAX_KNOWN) this.#targets.clear();
    this.#targets.set(key, proxy);
    return proxy;
  }

  #attemptsOf(msg: HttpMessage, uri: URL): ProxyAttempts {
    let attempts = this.#attempts.get(msg);
    if (attempts === undefined) {
      // Another feature may start the message again before this one is asked.
      const onRestarted = (): void => void this.#noteFailure(msg);
      attempts = { uri: uri.href, current: "direct", hasNext: false, failed: new Set(), onRestarted };
      msg.addEventListener("restarted", onRestarted);
      this.#attempts.set(msg, attempts);
    } else if (attempts.uri !== uri.href) {
      attempts.uri = uri.href;
      attempts.failed.clear();
    }
    return attempts;
  }

  #order(list: ProxyList): ProxyList {
    if (this.#avoided.size === 0 || list.length < 2) return list;
    const now = Date.now();
    for (const [key, until] of this.#avoided) if (until <= now) this.#avoided.delete(key);
    const isAvoided = (proxy: ProxyTarget | null): boolean => this.#avoided.has(proxyKey(proxy));
    return [...list.filter((proxy) => !isAvoided(proxy)), ...list.filter(isAvoided)];
  }
}

/** What a message has tried. */
interface ProxyAttempts {
  uri: string;
  current: string;
  hasNext: boolean;
  readonly failed: Set<string>;
  readonly onRestarted: () => void;
}

/** One proxy for every URI but those of some hosts: what `proxyUri` of a session adds. */
export class StaticProxyResolver extends ProxyResolver {
  /** The proxy. */
  readonly proxy: ProxyTarget;
  #isIgnored: HostMatcher;

  /**
   * Makes a resolver; see {@linkcode ProxyResolver.fromUri}.
   *
   * @throws {TypeError} If the URI names no proxy.
   */
  constructor(uri: string | URL, options: StaticProxyOptions = {}) {
    const proxy = parseProxyUri(uri);
    const { ignoreHosts = [] } = checkOwnOptions("make a StaticProxyResolver", options, staticNames);
    checkIterable("make a StaticProxyResolver", ignoreHosts, "a list of hosts");
    const isIgnored = compileHostPatterns(ignoreHosts);
    super((target) => isIgnored(target.hostname, portOf(target)) ? null : uri);
    this.proxy = proxy;
    this.#isIgnored = isIgnored;
  }

  /** The proxy to use now. Called by the session. */
  override resolveProxy(uri: URL): ProxyTarget | null {
    return this.#isIgnored(uri.hostname, portOf(uri)) ? null : this.proxy;
  }
}

function resolutionError(uri: URL, cause: unknown): ProxyResolutionError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ProxyResolutionError(`Cannot choose a proxy for ${uri.host}: ${why}`, { cause });
}

function readAnswer(answer: ProxyAnswer): ProxyList | undefined {
  if (answer === undefined) return undefined;
  if (answer === null) return [null];
  if (typeof answer === "string") return readText(answer);
  if (answer instanceof URL) return [parseProxyUri(answer)];
  const list = answer.flatMap((item) => readAnswer(item) ?? []);
  if (list.length === 0) throw new TypeError("Cannot use the proxies: the list is empty");
  return list;
}

function readText(text: string): ProxyList {
  if (isPacResult(text)) return parsePacResult(text);
  return [/^direct:/i.test(text.trim()) ? null : parseProxyUri(text)];
}

function isTls(uri: URL): boolean {
  return uri.protocol === "https:" || uri.protocol === "wss:";
}

function portOf(uri: URL): number {
  return uri.port === "" ? defaultPort(isTls(uri) ? "https" : "http") : Number(uri.port);
}
