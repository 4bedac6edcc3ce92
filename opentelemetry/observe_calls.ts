/** Spans and durations of the calls of PKCS#11 modules. */
import { type Attributes, context, type Span, SpanStatusCode } from "@opentelemetry/api";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { ckmName, ckrName } from "../ffi/constants/mod.ts";
import { describeType } from "../ffi/memory/inputs.ts";
import { Module } from "../session/tokens/module.ts";
import type { TracedCall } from "../session/tokens/options.ts";
import {
  DURATIONS,
  type Instruments,
  instrumentsOf,
  type MeterLike,
  type Recorder,
  type TracerLike,
  tracerOf,
} from "./instruments.ts";

/** Options of {@linkcode observeCalls}. */
export interface ObserveCallsOptions {
  /**
   * What makes the spans.
   *
   * By default a tracer of the global provider.
   */
  readonly tracer?: TracerLike | undefined;
  /**
   * What makes the histogram.
   *
   * By default a meter of the global provider.
   */
  readonly meter?: MeterLike | undefined;
}

interface Begun {
  readonly span: Span;
  readonly startTime: number;
}

/**
 * Makes a span of each call of a PKCS#11 function, a child of the span that was active where the operation was asked for,
 * and writes its duration into the histogram `pkcs11.call.duration` (seconds). Spans are named by their function; they
 * have `pkcs11.token.label`, `pkcs11.mechanism` and `pkcs11.return_value` (`CKR_OK`), and `error.type`, the name of the
 * return value, where the call has failed. Nothing of arguments and results is told. It hears of calls by the tracing
 * channel `gp11:call`; what holds there, holds here.
 *
 * @param module The module whose calls are observed; all of them where it is left out or null.
 * @param options Tracer and meter, where they are not the global ones.
 * @returns What ends it, by `using` or its `[Symbol.dispose]()`.
 * @throws {TypeError} When the module is none.
 *
 * @example Observe what a program does with its token
 * ```ts
 * import type { Module } from "@gp11/gp11";
 * import { observeCalls } from "@gp11/gp11/opentelemetry";
 *
 * async function labels(module: Module): Promise<string[]> {
 *   using _observed = observeCalls(module);
 *   const slots = await module.slots({ tokenPresent: true });
 *   return await Promise.all(slots.map(async (slot) => (await slot.tokenInfo()).label));
 * }
 * ```
 */
export function observeCalls(module?: Module | null, options: ObserveCallsOptions = {}): Disposable {
  if (module !== undefined && module !== null && !(module instanceof Module)) {
    throw new TypeError(`Cannot observe calls: expected a Module, got ${describeType(module)}`);
  }
  const tracer = tracerOf(options.tracer);
  const durations = instrumentsOf(options.meter, durationHistogram);
  const begun = new WeakMap<object, Begun>();
  const start = (message: unknown): void => {
    const call = message as TracedCall;
    if (module && call.module !== module) return;
    const span = tracer.startSpan(call.fn, { attributes: { "pkcs11.function": call.fn } }, context.active());
    begun.set(call, { span, startTime: performance.now() });
  };
  const over = (call: TracedCall): void => {
    const { span, startTime } = begun.get(call) ?? {};
    if (span === undefined || startTime === undefined) return;
    begun.delete(call);
    const attributes = attributesOf(call);
    // A span may throw.
    durations().record((performance.now() - startTime) / 1000, { "pkcs11.function": call.fn, ...attributes });
    span.setAttributes(attributes);
    if (call.error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  };
  const end = (message: unknown): void => {
    if ((message as TracedCall).sync) over(message as TracedCall);
  };
  const asyncEnd = (message: unknown): void => over(message as TracedCall);
  const listeners = Object.entries({ start, end, asyncEnd });
  for (const [name, listener] of listeners) subscribe(`tracing:gp11:call:${name}`, listener);
  return {
    [Symbol.dispose](): void {
      for (const [name, listener] of listeners) unsubscribe(`tracing:gp11:call:${name}`, listener);
    },
  };
}

function durationHistogram(instruments: Instruments): Recorder {
  return instruments.histogram("pkcs11.call.duration", { ...DURATIONS, description: "Duration of PKCS#11 calls" });
}

function attributesOf({ error, mechanism, rv, token }: TracedCall): Attributes {
  return {
    ...(token === undefined ? {} : { "pkcs11.token.label": token }),
    ...(mechanism === undefined ? {} : { "pkcs11.mechanism": ckmName(mechanism) }),
    ...(rv === undefined ? {} : { "pkcs11.return_value": ckrName(rv) }),
    ...(error === undefined ? {} : { "error.type": rv === undefined ? nameOf(error) : ckrName(rv) }),
  };
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "_OTHER";
}
