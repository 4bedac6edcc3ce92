import { builtin } from "../../internal/builtin_modules.ts";
import { harmless } from "../../internal/report_error.ts";
import type { CallObserver } from "../../ffi/engine/program.ts";
import { type FunctionName, FUNCTIONS } from "../../ffi/tables/functions.ts";
import type { Abi } from "../../ffi/runtime/native.ts";
import type { NativeCall } from "../../ffi/workers/worker_pool.ts";
import { callArguments } from "./arguments.ts";
import { type CallWords, formatInput, formatOutput, type Room, roomFor } from "./format.ts";
import { ckrName } from "./values.ts";
import { NativeReader } from "./structures.ts";
import type { LogCallsOptions, LoggedArgument, LoggedCall } from "./options.ts";

export type { LogCallsOptions, LoggedArgument, LoggedCall } from "./options.ts";

/** What is kept of a call while it runs: arguments can change, and memory be given back, before it returns. */
interface Begun {
  readonly call: CallWords;
  readonly input: readonly LoggedArgument[];
  readonly rooms: readonly Room[];
}

/** Writes the calls of a module as libp11-kit's `log-calls` does. A log that fails must not fail the call it tells about. */
export class CallLogger implements CallObserver {
  readonly #options: LogCallsOptions;
  readonly #module: string | null;
  readonly #reader: NativeReader;

  /** Logs the calls of a module, which may have a name. */
  constructor(options: LogCallsOptions, module: string | null, abi: Abi) {
    this.#options = options;
    this.#module = module;
    this.#reader = new NativeReader(abi);
  }

  /** Writes down what the call is given. */
  calling({ fn, args }: NativeCall): Begun | null {
    if (!Object.hasOwn(FUNCTIONS, fn.name)) return null;
    const showSecrets = this.#options.showSecrets ?? false;
    const call: CallWords = { fn: fn.name, args: [...args], reader: this.#reader, showSecrets };
    return harmless(() => {
      const { input, output } = callArguments(fn.name as FunctionName);
      return {
        call,
        input: input.map((argument) => ({ name: argument.name, value: formatInput(call, argument) })),
        rooms: output.map((argument) => roomFor(call, argument)),
      };
    });
  }

  /** Writes down what it has left, and hands both on. */
  called({ fn }: NativeCall, context: unknown, rv: number | bigint, microseconds: number): void {
    const begun = context as Begun | null;
    if (begun !== null) harmless(() => this.#deliver(this.#logged(fn.name as FunctionName, begun, rv, microseconds)));
  }

  #logged(fn: FunctionName, { call, input, rooms }: Begun, rv: number | bigint, microseconds: number): LoggedCall {
    const code = Number(rv);
    const output: LoggedArgument[] = [];
    for (const [at, argument] of callArguments(fn).output.entries()) {
      const value = formatOutput(call, argument, code, rooms[at]!);
      if (value !== null) output.push({ name: argument.name, value });
    }
    const ckr = ckrName(BigInt(rv)) as `CKR_${string}`;
    return { module: this.#module, fn, input, output, code, ckr, duration: microseconds / 1000 };
  }

  #deliver(logged: LoggedCall): void {
    this.#options.sink?.(callText(logged));
    this.#options.event?.(logged);
  }
}

/** A logged call as text, in libp11-kit's layout. */
export function callText(call: LoggedCall): string {
  const input = call.input.map(({ name, value }) => `  IN: ${name} = ${value}\n`).join("");
  const output = call.output.map(({ name, value }) => ` OUT: ${name} = ${value}\n`).join("");
  return `${call.fn}\n${input}${output}${call.fn} = ${call.ckr}\n`;
}

/** The observer for a `logCalls` option; `null` where nothing is logged. */
export function callLogger(
  option: boolean | LogCallsOptions | undefined,
  module: string | null,
  abi: Abi,
): CallLogger | null {
  if (option === undefined || option === false) return null;
  if (option === true) return new CallLogger({ sink: (text) => void builtin.process.stderr.write(text) }, module, abi);
  return new CallLogger(option, module, abi);
}
