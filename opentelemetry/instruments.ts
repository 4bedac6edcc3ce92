/** Instruments of a meter, made when they are first used: a program may register its provider after it has made sessions. */
import {
  type Attributes,
  type Meter,
  type MeterProvider,
  type MetricOptions,
  metrics,
  type ObservableCallback,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import { checkMethods } from "../internal/expected.ts";
import { harmless } from "../internal/report_error.ts";

/** What makes spans: a `Tracer` of `@opentelemetry/api`. */
export interface TracerLike {
  /** Begins a span. */
  startSpan(name: string, options?: object, context?: object): object;
}

/** What makes instruments: a `Meter` of `@opentelemetry/api`. */
export interface MeterLike {
  /** Makes a histogram. */
  createHistogram(name: string, options?: object): object;
  /** Makes a counter that goes up and down. */
  createUpDownCounter(name: string, options?: object): object;
  /** Makes one that is asked for its values. */
  createObservableUpDownCounter(name: string, options?: object): object;
}

/**
 * The tracer given, else one of the global provider.
 *
 * @throws {TypeError} When what is given is none.
 */
export function tracerOf(given: TracerLike | undefined): Tracer {
  if (given === undefined) return trace.getTracer(SCOPE);
  return checkMethods("make spans", given, "a tracer", ["startSpan"]) as Tracer;
}

const METER: readonly (keyof MeterLike)[] = [
  "createHistogram",
  "createUpDownCounter",
  "createObservableUpDownCounter",
];

/** Who makes what is told, by the name of this library. */
export const SCOPE = "@gp11/gp11";

/** What the conventions advise for durations in seconds. */
export const DURATIONS: { readonly advice: { readonly explicitBucketBoundaries: number[] }; readonly unit: "s" } = {
  advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] },
  unit: "s",
};

/** Takes measurements into a histogram. */
export interface Recorder {
  /** Adds one. */
  record(value: number, attributes: Attributes): void;
}

/** Counts up and down. */
export interface Counter {
  /** Adds to the count, or takes from it. */
  add(value: number, attributes: Attributes): void;
}

/** Makes instruments. What a meter or its instruments throw is told to the global error handling: what they measure goes on. */
export class Instruments {
  readonly #meter: Meter;

  /** Makes those of a meter. */
  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /** Makes a histogram. */
  histogram(name: string, options: MetricOptions): Recorder {
    const made = harmless(() => this.#meter.createHistogram(name, options));
    return { record: (value, attributes) => harmless(() => made?.record(value, attributes)) };
  }

  /** Makes a counter that goes up and down. */
  counter(name: string, options: MetricOptions): Counter {
    const made = harmless(() => this.#meter.createUpDownCounter(name, options));
    return { add: (value, attributes) => harmless(() => made?.add(value, attributes)) };
  }

  /** Makes one that is asked for its values. */
  observed(name: string, options: MetricOptions, observe: ObservableCallback): void {
    harmless(() => this.#meter.createObservableUpDownCounter(name, options).addCallback(observe));
  }
}

/** The instruments that `make` makes: of the meter given, else of the global provider, whichever that is by now. */
export function instrumentsOf<T>(meter: MeterLike | undefined, make: (instruments: Instruments) => T): () => T {
  if (meter !== undefined) {
    checkMethods("make metrics", meter, "a meter", METER);
    const made = make(new Instruments(meter as Meter));
    return () => made;
  }
  let provider: MeterProvider | null = null;
  let made: T;
  return () => {
    const current = metrics.getMeterProvider();
    if (current !== provider) {
      provider = current;
      made = make(new Instruments(current.getMeter(SCOPE)));
    }
    return made;
  };
}
