/**
 * `session.fetch`: the queue behind the function of the Fetch standard.
 *
 * @module
 */
import type { FetchInput } from "../../internal/platform_types.ts";
import type { SessionFetch } from "../contract/feature_session.ts";
import { dropBody, type FetchSettings, messageOf, plainFetch, throwIfGivenUp } from "./fetch_init.ts";
import { FetchSink, responsesOf } from "./fetch_sink.ts";
import { HttpError } from "../message/http_error.ts";
import { HttpMessage } from "../message/message.ts";
import type { HttpFetchInit } from "../contract/message_options.ts";
import { nativeFetch } from "../transports/fetch/fetch_connection.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { schemeClass } from "../protocol/uri.ts";

/** Makes a session's bound fetch; `preconnect` prepares for a URI. */
export function makeFetch(core: HttpSessionCore, preconnect: SessionFetch["preconnect"]): SessionFetch {
  const bound = (input: FetchInput, init: HttpFetchInit | undefined = undefined): Promise<Response> => {
    try {
      if (init === undefined && !(input instanceof Request)) {
        const isHttp = typeof input === "string" && (input.startsWith("http://") || input.startsWith("https://"));
        if (isHttp || !isNative(input)) {
          const msg = new HttpMessage("GET", input);
          if (!isHttp) checkScheme(core, msg.uri);
          return plainly(enqueue(core, msg, plainFetch));
        }
      }
      // What only a runtime can read goes to the fetch of the runtime: data, blob and file URLs.
      if (isNative(input)) return nativeFetch(input, init as RequestInit | undefined);
      return fetchWith(core, input, init ?? {});
    } catch (error) {
      return Promise.reject(error);
    }
  };
  // Name and number of parameters are those of fetch.
  return Object.assign(Object.defineProperty(bound, "name", { value: "fetch" }), { preconnect });
}

function isNative(input: FetchInput): boolean {
  return /^\s*(?:data|blob|file):/i.test(input instanceof Request ? input.url : String(input));
}

/** A request with options. */
async function fetchWith(core: HttpSessionCore, input: FetchInput, init: HttpFetchInit): Promise<Response> {
  const { msg, settings } = await messageOf(input, init, core.transports.capabilities.runtime);
  let sent: Promise<Response>;
  try {
    checkScheme(core, msg.uri);
    // The options were read over several microtasks, and the caller's `prepare` has run: who gave up meanwhile sends nothing.
    throwIfGivenUp(msg, settings.signal);
    sent = enqueue(core, msg, settings);
  } catch (error) {
    dropBody(msg, error);
    throw error;
  }
  try {
    const response = await sent;
    return settings.integrity === "" ? response : await responsesOf(core).verified(msg, settings, response);
  } catch (error) {
    throw seenFrom(error);
  }
}

/** Fetch knows http and https (§4.2); an alias counts where the user has set it, the manual's `*` is for messages. */
function checkScheme({ settings }: HttpSessionCore, uri: URL): void {
  const { protocol, hostname } = uri;
  if (protocol === "http:" || protocol === "https:") return;
  const scheme = protocol.slice(0, -1);
  const { httpAliases, httpsAliases } = settings.values;
  const own = settings.hasOwnHttpAliases ? httpAliases : null;
  if (hostname === "" || schemeClass(scheme, own, httpsAliases) === null) {
    throw new TypeError(`Cannot fetch: the scheme ${protocol} is neither http, https nor an alias`);
  }
}

function enqueue(core: HttpSessionCore, msg: HttpMessage, settings: FetchSettings): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  core.queue(msg, null, new FetchSink(core, settings, resolve, reject), null);
  return promise;
}

async function plainly(sent: Promise<Response>): Promise<Response> {
  try {
    return await sent;
  } catch (error) {
    throw seenFrom(error);
  }
}

/**
 * An error that shows who has asked. It is made where the network is listened to; the runtimes know who waits for an
 * asynchronous function only as it goes on.
 */
function seenFrom(error: unknown): unknown {
  if (error instanceof HttpError) Error.captureStackTrace?.(error, seenFrom);
  return error;
}
