/** Equal requests at the same time: one goes to the server, the others wait for its response to be stored. */
import type { RecordedBody } from "./recorded_body.ts";

/** A request on its way to the server, for whose response others wait. */
export class Flight {
  /** What makes requests equal. */
  readonly key: string;
  /** Resolves when waiting is over: the response is stored, or it never will be. */
  readonly landed: Promise<void>;
  /** How many wait. */
  waiting = 0;
  #body: RecordedBody | null = null;
  #land: () => void = () => {};

  constructor(key: string) {
    this.key = key;
    this.landed = new Promise((resolve) => this.#land = resolve);
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

  /** Waits until waiting is over, but not for ever. */
  async join(milliseconds: number): Promise<void> {
    this.waiting++;
    void this.#body?.drain();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds));
    try {
      await Promise.race([this.landed, patience]);
    } finally {
      clearTimeout(timer);
      this.waiting--;
    }
  }

  /** Lets those who wait go on. */
  land(): void {
    this.#land();
  }
}

/** The requests on their way. */
export class Flights {
  readonly #flights = new Map<string, Flight>();

  /** The flight of equal requests, if there is one. */
  get(key: string): Flight | null {
    return this.#flights.get(key) ?? null;
  }

  /** Begins a flight. */
  begin(key: string): Flight {
    const flight = new Flight(key);
    this.#flights.set(key, flight);
    return flight;
  }

  /** Ends a flight. */
  land(flight: Flight): void {
    if (this.#flights.get(flight.key) === flight) this.#flights.delete(flight.key);
    flight.land();
  }
}
