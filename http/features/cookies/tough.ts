/** The cookie library, loaded when the first cookie is seen: its list of public suffixes costs a program's start. */
import type * as Tough from "tough-cookie";
import { fromPackage, requiredAt } from "../../../internal/npm_package.ts";

export type { Tough };

/** Where there is one already: on Bun, and in what a bundler has made, which finds the library by this call. */
declare const require: ((name: "tough-cookie") => typeof Tough) | undefined;

let loaded: typeof Tough | null = null;

/** Loads the library on first use, in place, so that a synchronous request can need it. */
export function toughCookie(): typeof Tough {
  return loaded ??= fromPackage<typeof Tough>(
    "tough-cookie",
    () =>
      typeof require === "function"
        ? require("tough-cookie")
        : requiredAt(import.meta.resolve("tough-cookie"), "tough-cookie"),
  );
}

/** Never called: a runtime that resolves modules ahead of time fetches the package because of this expression. */
export function preloadToughCookie(): Promise<typeof Tough> {
  return import("tough-cookie");
}

/** The registrable domain of a host; `null` for addresses, public suffixes and names nobody registers. */
export function registrableDomain(host: string): string | null {
  return toughCookie().getPublicSuffix(host, { allowSpecialUseDomain: true, ignoreError: true }) ?? null;
}

/** What counts as one site: the registrable domain of a host, or the host itself where there is none. */
export function siteOf(host: string): string {
  return registrableDomain(host) ?? host;
}
