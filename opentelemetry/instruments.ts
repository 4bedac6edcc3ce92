/** Instruments of a meter, made when they are first used: a program may register its provider after it has made sessions. */
import { type Meter, type MeterProvider, metrics, trace, type Tracer } from "@opentelemetry/api";
import { checkMethods } from "../internal/expected.ts";

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

/** The instruments that `make` makes: of the meter given, else of the global provider, whichever that is by now. */
export function instrumentsOf<T>(meter: MeterLike | undefined, make: (meter: Meter) => T): () => T {
  if (meter !== undefined) {
    checkMethods("make metrics", meter, "a meter", METER);
    const made = make(meter as Meter);
    return () => made;
  }
  let provider: MeterProvider | null = null;
  let made: T;
  return () => {
    const current = metrics.getMeterProvider();
    if (current !== provider) {
      provider = current;
      made = make(current.getMeter(SCOPE));
    }
    return made;
  };
}
