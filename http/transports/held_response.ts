/**
 * Responses whose whole body is in memory. Node takes longer to make a stream of one than the rest of the exchange takes, and
 * who reads all of it at once needs none.
 */
import { runtimeName } from "../../internal/runtime.ts";
import { FetchedResponse } from "./fetched_response.ts";

const utf8 = new TextDecoder();

/** A response with its body, if it has one; the caller may change the bytes later. */
export function wholeResponse(body: Uint8Array | null, init: ResponseInit): FetchedResponse {
  return body !== null && runtimeName() === "node"
    ? new HeldResponse(body, init)
    : new FetchedResponse(body as Uint8Array<ArrayBuffer> | null, init);
}

/** One that keeps its body beside the runtime's own object, until somebody wants more than to read it. */
class HeldResponse extends FetchedResponse {
  static {
    Object.defineProperty(this, "name", { value: "Response" });
  }

  /** Null once it was read. */
  #bytes: Uint8Array<ArrayBuffer> | null;
  /** What has the body in the runtime's own way; null while nobody has asked for that. */
  #full: FetchedResponse | null = null;

  constructor(body: Uint8Array, init: ResponseInit) {
    super(null, init);
    this.#bytes = new Uint8Array(body);
  }

  override get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#made().body;
  }

  override get bodyUsed(): boolean {
    return this.#full === null ? this.#bytes === null : this.#full.bodyUsed;
  }

  override text(): Promise<string> {
    return this.#read((bytes) => utf8.decode(bytes)) ?? this.#made().text();
  }

  override json(): Promise<unknown> {
    return this.#read((bytes) => JSON.parse(utf8.decode(bytes)) as unknown) ?? this.#made().json();
  }

  override bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#read((bytes) => bytes) ?? this.#made().bytes();
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.#read(({ buffer }) => buffer) ?? this.#made().arrayBuffer();
  }

  override blob(): Promise<Blob> {
    return this.#made().blob();
  }

  override formData(): Promise<FormData> {
    return this.#made().formData();
  }

  override clone(): FetchedResponse {
    return this.#made().clone();
  }

  /** Reads it at once; null where the runtime's own object has to say what there is to read, or why it cannot be. */
  #read<T>(read: (bytes: Uint8Array<ArrayBuffer>) => T): Promise<T> | null {
    const bytes = this.#bytes;
    if (bytes === null || this.#full !== null || FetchedResponse.isGivenUp(this)) return null;
    this.#bytes = null;
    try {
      return Promise.resolve(read(bytes));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #made(): FetchedResponse {
    if (this.#full !== null) return this.#full;
    const isRead = this.#bytes === null;
    this.#full = FetchedResponse.like(this, this.#bytes ?? new Uint8Array(0), isRead);
    this.#bytes = null;
    return this.#full;
  }
}
