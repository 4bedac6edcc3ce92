/** The proxy settings of the environment. */

import { platform } from "../../../internal/runtime.ts";
import { defaultPort } from "../../protocol/uri.ts";
import { compileHostPatterns, type HostMatcher } from "./host_patterns.ts";

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
