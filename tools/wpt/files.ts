// Which files of the Web Platform Tests concern this library, and where it means to differ from them.
import type { RuntimeName } from "../runner/runtimes.ts";

/** Pages without a secure context, interfaces of a browser, and a page that is to be reloaded. */
export function webcryptoFiles(file: string): boolean {
  return !/historical|idlharness|crashtests/.test(file);
}

/** Where Web Cryptography over a token differs. */
export function webcryptoDiffers(runtime: RuntimeName, file: string, name: string): boolean {
  // Bun has no class for it yet.
  return runtime === "bun" && file.endsWith("getRandomValues.any.js") && name.startsWith("Large length");
}

/** What is asked of the network, without a page's policies, and without what no server here answers. */
export function fetchFiles(file: string): boolean {
  const folders = /^fetch\/(?:api\/(?:abort|basic|credentials|headers|redirect|response)|content-encoding|range)\//;
  const browsers = /cors|keepalive|mediasource|mode-|private-network|referrer|redirect-origin|realm|window|blob\.any/;
  const unanswered = /\.h2\.|\/cache\.https|location-escape|authentication-redirection|big-window/;
  return folders.test(file) && !browsers.test(file) && !unanswered.test(file);
}

/** Where session.fetch means to differ from what runtimes do, by file and name. */
const differing: readonly { readonly file: RegExp; readonly name: RegExp; readonly why: string }[] = [
  {
    file: /abort\/general/,
    name: /TypeError from request constructor/,
    why: "credentials in a URL and modes are no errors",
  },
  { file: /abort\/general/, name: /rejects? (?:immediately|if already aborted)/, why: "a microtask or two later" },
  { file: /accept-header/, name: /accept-language/, why: "sent where the session has languages" },
  { file: /header-value-combining/, name: /expects , /, why: "Node and Deno join empty values anew" },
  {
    file: /forbidden-headers/,
    name: /./,
    why: "a program may send any field but those of framing, which are its body's",
  },
  {
    file: /request-upload/,
    name: /421/,
    why: "no connection is used for another origin: another one would be told the same",
  },
  { file: /back-to-original/, name: /./, why: "there are no modes" },
  { file: /bad-(?:br|gzip|zstd)-body/, name: /./, why: "what never was encoded is given as it came" },
];

/** Whether it means to differ there. */
export function fetchDiffers(file: string, name: string): boolean {
  return differing.some((each) => each.file.test(file) && each.name.test(name));
}
