/** Equal requests at the same time are collapsed (RFC 9111 §4): one goes to the server, the others wait for its response. */
import type { RecordedBody } from "./recorded_body.ts";

/** A request on its way to the server, for whose response others wait. */
export class LeadingRequest {
  /** What makes requests equal. */
  readonly key: string;
  /** Resolves when waiting is over: the response is stored, or it never will be. */
  readonly over: Promise<void>;
  /** How many wait. */
  waiting = 0;
  #body: RecordedBody | null = null;
  #end: () => void = () => {};

  constructor(key: string) {
    this.key = key;
    this.over = new Promise((resolve) => this.#end = resolve);
  }

  /** True while the body is being stored. */
  get isStoring(): boolean {
    return this.#body !== null;
  }

  /** The body is being stored from now on; those who wait need not wait for its reader. */
  store(body: RecordedBody): void {
    this.#body = body;
    if (this.waiting > 0) void body.drain();
  }

  /** Waits until waiting is over, at most for so long. */
  async join(milliseconds: number): Promise<void> {
    this.waiting++;
    void this.#body?.drain();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeIsUp = new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds));
    try {
      await Promise.race([this.over, timeIsUp]);
    } finally {
      clearTimeout(timer);
      this.waiting--;
    }
  }

  /** Lets those who wait go on. */
  end(): void {
    this.#end();
  }
}

/** The requests on their way to the server. */
export class CollapsedRequests {
  readonly #byKey = new Map<string, LeadingRequest>();

  /** The one of equal requests that is on its way, if there is one. */
  get(key: string): LeadingRequest | null {
    return this.#byKey.get(key) ?? null;
  }

  /** A request goes to the server. */
  begin(key: string): LeadingRequest {
    const request = new LeadingRequest(key);
    this.#byKey.set(key, request);
    return request;
  }

  /** Nobody need wait for a request any more. */
  end(request: LeadingRequest): void {
    if (this.#byKey.get(request.key) === request) this.#byKey.delete(request.key);
    request.end();
  }
}
