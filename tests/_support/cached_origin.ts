// A session with a cache in front of an origin that is a function, and a clock that only the test moves.
import { HttpCache } from "../../http/features/cache/http_cache.ts";
import type { HttpCacheOptions } from "../../http/features/cache/store.ts";
import { MockTransport } from "../../http/features/mock_transport.ts";
import { HttpSession } from "../../http/session/session.ts";
import type { HttpSessionOptions } from "../../http/session/session_options.ts";

/** What a request came back with. */
export interface Answer {
  status: number;
  text: string;
  age: string | null;
  headers: Headers;
}

/** The origin, its cache and the session. */
export class CachedOrigin implements AsyncDisposable {
  /** Requests that reached the origin. */
  readonly seen: Request[] = [];
  readonly cache: HttpCache;
  readonly session: HttpSession;
  /** Milliseconds since 1970. */
  now: number = Date.UTC(2030, 0, 1);

  constructor(
    answer: (request: Request, count: number) => Response | Promise<Response>,
    options: HttpCacheOptions = {},
    sessionOptions: HttpSessionOptions = {},
  ) {
    this.cache = new HttpCache({ now: () => this.now, ...options });
    const origin = new MockTransport((request) => {
      this.seen.push(request);
      return answer(request, this.seen.length);
    });
    const features = [origin, this.cache, ...sessionOptions.features ?? []];
    this.session = new HttpSession({ defaultFeatures: false, ...sessionOptions, features });
  }

  /** Lets seconds pass. */
  pass(seconds: number): void {
    this.now += seconds * 1000;
  }

  /** Asks and reads the whole answer. */
  async get(url = "http://origin.example/", headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
    const response = await this.session.fetch(url, { method, headers });
    return {
      status: response.status,
      text: await response.text(),
      age: response.headers.get("age"),
      headers: response.headers,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.close();
  }
}

/** A response with header fields, its body "answer N". */
export function numbered(count: number, headers: Record<string, string>, status = 200): Response {
  return new Response(`answer ${count}`, { status, headers });
}
