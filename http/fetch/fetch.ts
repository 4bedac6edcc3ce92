/**
 * `session.fetch`: the queue behind the function of the Fetch standard.
 *
 * @module
 */
import type { FetchInput } from "../../internal/platform_types.ts";
import type { SessionFetch } from "../contract/feature_session.ts";
import { dropBody, type FetchSettings, messageOf, plainFetch, throwIfGivenUp } from "./fetch_init.ts";
import { FetchedResponse } from "../transports/fetched_response.ts";
import { FetchSink } from "./fetch_sink.ts";
import { HandedOutResponses } from "./handed_out_responses.ts";
import { HttpError } from "../message/http_error.ts";
import { hasIntegrity } from "./integrity.ts";
import { HttpMessage } from "../message/message.ts";
import type { HttpFetchInit } from "../contract/message_options.ts";
import { nativeFetch } from "../transports/fetch/native_fetch.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { bareAddress, schemeClass } from "../protocol/uri.ts";

/** The queue that fetches go through, and the responses that come of them. */
interface FetchContext {
  readonly core: HttpSessionCore;
  readonly responses: HandedOutResponses;
}

/** Makes a session's bound fetch; `preconnect` prepares for a URI. */
export function makeFetch(core: HttpSessionCore, preconnect: SessionFetch["preconnect"]): SessionFetch {
  const responses = new HandedOutResponses(core.pool);
  core.responses = responses;
  const context: FetchContext = { core, responses };
  const bound = (input: FetchInput, init: HttpFetchInit | undefined = undefined): Promise<Response> => {
    try {
      if (init === undefined && !(input instanceof Request)) {
        const isHttp = typeof input === "string" && (input.startsWith("http://") || input.startsWith("https://"));
        if (isHttp || !isNative(input)) {
          const msg = new HttpMessage("GET", input);
          if (!isHttp) checkScheme(core, msg.uri);
          return plainly(enqueue(context, msg, plainFetch));
        }
      }
      // What only a runtime can read goes to the fetch of the runtime: data, blob and file URLs.
      if (isNative(input)) return nativeFetch(input, init as RequestInit | undefined);
      return fetchWith(context, input, init ?? {});
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
async function fetchWith(context: FetchContext, input: FetchInput, init: HttpFetchInit): Promise<Response> {
  const { core } = context;
  const { msg, settings } = await messageOf(input, init, core.transports.capabilities.runtime);
  let sent: Promise<Response>;
  try {
    checkScheme(core, msg.uri);
    // The options were read over several microtasks, and the caller's `prepare` has run: who gave up meanwhile sends nothing.
    throwIfGivenUp(msg, settings.signal);
    sent = enqueue(context, msg, settings);
  } catch (error) {
    dropBody(msg, error);
    throw error;
  }
  try {
    const response = await sent;
    return settings.integrity === "" ? response : await verified(msg, settings, response);
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

function enqueue({ core, responses }: FetchContext, msg: HttpMessage, settings: FetchSettings): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  core.queue(msg, null, new FetchSink(core, responses, settings, resolve, reject), null);
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

/** Reads the whole body, whose hashes are known beforehand, and hands it out only if one of them is right. */
async function verified(msg: HttpMessage, settings: FetchSettings, response: Response): Promise<Response> {
  const { integrity, signal } = settings;
  const bytes = await response.bytes() as Uint8Array<ArrayBuffer>;
  if (!hasIntegrity(bytes, integrity)) {
    const text = `error sending request for url (${
      bareAddress(msg.uri)
    }): the body has none of the hashes of integrity`;
    throw new HttpError(msg, msg.statusCode, text, { code: "ERR_INTEGRITY" });
  }
  const { status, statusText, headers, url, redirected } = response;
  const body = response.body === null ? null : bytes;
  return FetchedResponse.place(FetchedResponse.of(body, { status, statusText, headers }), { url, redirected, signal });
}
