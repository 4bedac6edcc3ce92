/**
 * The native calls of a module for those who trace them: the tracing channel `gp11:call` of `node:diagnostics_channel`; and
 * the error of a call that failed, with what is known of the call.
 */
import { CKA, CKM, CKR } from "../../ffi/constants/mod.ts";
import type { CallObserver } from "../../ffi/engine/program.ts";
import type { Lane } from "../../ffi/engine/lane.ts";
import type { TokenTurn } from "../../ffi/engine/turn.ts";
import { type FunctionName, FUNCTIONS } from "../../ffi/tables/functions.ts";
import type { NativeCall } from "../../ffi/workers/worker_pool.ts";
import { builtin } from "../../internal/builtin_modules.ts";
import { type Traced, Tracing } from "../../internal/tracing.ts";
import type { ModuleCore } from "./module_core.ts";
import { attributeByType } from "../attributes/attribute_table.ts";
import { Pkcs11Error } from "../errors.ts";

/** Functions that work with the mechanism of their operation; a login or a question on the way does not. */
const WITH_MECHANISM =
  /^C_(Message|Encrypt|Decrypt|Digest|Sign|Verify|GenerateKey|Wrap|Unwrap|Derive|Encapsulate|Decapsulate)/;

/** Functions whose failure may be about one of many inputs; the same key and mechanism begin all of them. */
const WITH_INPUT = /^C_(Encrypt|Decrypt|Digest|Sign|Verify)$/;

/** What the attributes of a new key must say, by the mechanism that makes it. */
const NEEDED: ReadonlyMap<number, number> = new Map([
  [CKM.RSA_PKCS_KEY_PAIR_GEN, CKA.MODULUS_BITS],
  [CKM.EC_KEY_PAIR_GEN, CKA.EC_PARAMS],
  [CKM.EC_EDWARDS_KEY_PAIR_GEN, CKA.EC_PARAMS],
  [CKM.EC_MONTGOMERY_KEY_PAIR_GEN, CKA.EC_PARAMS],
  [CKM.ML_DSA_KEY_PAIR_GEN, CKA.PARAMETER_SET],
  [CKM.SLH_DSA_KEY_PAIR_GEN, CKA.PARAMETER_SET],
  [CKM.ML_KEM_KEY_PAIR_GEN, CKA.PARAMETER_SET],
  [CKM.AES_KEY_GEN, CKA.VALUE_LEN],
  [CKM.GENERIC_SECRET_KEY_GEN, CKA.VALUE_LEN],
]);

/** What makes the parameter of mechanisms that are nothing without one. */
const BUILDERS: ReadonlyMap<number, string> = new Map([
  [CKM.AES_CBC, "aesCbc({ iv, pad: false })"],
  [CKM.AES_CBC_PAD, "aesCbc({ iv })"],
  [CKM.AES_CCM, "aesCcm({ nonce })"],
  [CKM.AES_CTR, "aesCtr({ counter, length })"],
  [CKM.AES_GCM, "aesGcm({ iv })"],
  [CKM.AES_GMAC, "aesGmac({ iv })"],
  [CKM.CHACHA20, "chacha20({ counter, nonce })"],
  [CKM.CHACHA20_POLY1305, "chacha20Poly1305({ nonce })"],
  [CKM.ECDH1_DERIVE, "ecdh1({ public })"],
  [CKM.RSA_PKCS_OAEP, "rsaOaep({ hash })"],
  [CKM.RSA_PKCS_PSS, "rsaPss({ hash })"],
  [CKM.SALSA20_POLY1305, "salsa20Poly1305({ nonce })"],
]);

/** What operations are given that their errors can tell of. */
interface Known {
  readonly mechanism?: number | { readonly type: number; readonly parameter?: unknown };
  readonly attributes?: readonly { readonly type: number }[];
  readonly publicAttributes?: readonly { readonly type: number }[];
  readonly index?: number;
}

function knownOf(args: unknown): Known {
  return typeof args === "object" && args !== null ? args : {};
}

/** The type of the mechanism that a function works with in an operation that was given `args`. */
export function mechanismOf(fn: string, args: unknown): number | undefined {
  const { mechanism } = knownOf(args);
  const type = typeof mechanism === "object" ? mechanism.type : mechanism;
  return WITH_MECHANISM.test(fn) ? type : undefined;
}

/** The error for what a function returned in an operation that was given `args`, on a token that may be known. */
export function callFailure(rv: number, fn: string, args: unknown, token?: string): Pkcs11Error {
  const known = knownOf(args);
  const mechanism = mechanismOf(fn, args);
  const hint = mechanism === undefined
    ? undefined
    : missingAttribute(rv, mechanism, known) ?? missingParameter(rv, mechanism, known);
  const index = WITH_INPUT.test(fn) ? known.index : undefined;
  return new Pkcs11Error(rv, fn as FunctionName, { mechanism, token, hint, index });
}

function missingParameter(rv: number, type: number, { mechanism }: Known): string | undefined {
  if (rv !== CKR.ARGUMENTS_BAD && rv !== CKR.MECHANISM_PARAM_INVALID) return undefined;
  if (typeof mechanism !== "object" || mechanism.parameter !== null) return undefined;
  const builder = BUILDERS.get(type);
  return builder && `The mechanism needs a parameter, which ${builder} makes.`;
}

function missingAttribute(
  rv: number,
  mechanism: number,
  { attributes, publicAttributes }: Known,
): string | undefined {
  if (rv !== CKR.TEMPLATE_INCOMPLETE && rv !== CKR.TEMPLATE_INCONSISTENT) return undefined;
  const needed = NEEDED.get(mechanism);
  const given = publicAttributes ?? attributes;
  if (needed === undefined || !given || given.some(({ type }) => type === needed)) return undefined;
  return `The attribute ${attributeByType(needed)?.name} is missing.`;
}

/** What is told of a call; the rooms above know the classes of what stands in it. */
interface CallContext extends Traced {
  readonly fn: FunctionName;
  readonly module: object | null;
  readonly slot?: object;
  readonly session?: object;
  readonly mechanism?: number;
  token?: string;
  readonly sync: boolean;
  rv?: number;
}

/** Who listens to the calls of all modules in this thread. */
export const callTracing: Tracing<CallContext> = new Tracing("gp11:call");

/** Answers that lead on: a longer result is fetched with more room, a signature is wrong, an attribute is kept back. */
const ANSWERS: ReadonlyMap<RegExp, readonly number[]> = new Map([
  [/./, [CKR.OK, CKR.BUFFER_TOO_SMALL]],
  [/^C_Verify/, [CKR.SIGNATURE_INVALID, CKR.SIGNATURE_LEN_RANGE]],
  [/^C_GetAttributeValue$/, [CKR.ATTRIBUTE_SENSITIVE, CKR.ATTRIBUTE_TYPE_INVALID]],
  [/^C_WaitForSlotEvent$/, [CKR.NO_EVENT]],
]);

function isAnswer(fn: string, rv: number): boolean {
  return [...ANSWERS].some(([functions, answers]) => answers.includes(rv) && functions.test(fn));
}

/** Runs work in the asynchronous context of another place. */
type There = <T>(work: () => T) => T;

/** Here, for work that comes from a worker thread's answer. */
function keptHere(): There {
  return builtin.asyncHooks.AsyncLocalStorage.snapshot();
}

/** The observer of logs for one operation on worker threads: it writes where the operation was asked for. */
export function loggedHere(logger: CallObserver): CallObserver {
  const there = keptHere();
  return {
    calling: (call) => logger.calling(call),
    called: (call, begun, rv, microseconds) => there(() => logger.called(call, begun, rv, microseconds)),
  };
}

/** One call under way, and what the observer of logs has kept of it. */
interface Begun {
  readonly context: CallContext | null;
  readonly logged: unknown;
}

/** The observer of one operation that is traced, made where it was asked for: what it tells belongs to that place. */
export class CallTrace implements CallObserver {
  /** Calls that travel together would have one time: they are made one by one. */
  readonly isExact = true;
  readonly #core: ModuleCore;
  readonly #lane: Lane | null;
  readonly #args: unknown;
  readonly #turn: TokenTurn | null;
  /** Runs what listens where the operation was asked for; in place that is here. */
  readonly #there: There | null;

  constructor(core: ModuleCore, lane: Lane | null, args: unknown, turn: TokenTurn | null, isSync: boolean) {
    this.#core = core;
    this.#lane = lane;
    this.#args = args;
    this.#turn = lane?.token ?? turn;
    this.#there = isSync ? null : keptHere();
  }

  calling(call: NativeCall): Begun {
    const logged = this.#core.logger?.calling(call);
    const { name } = call.fn;
    if (!Object.hasOwn(FUNCTIONS, name)) return { context: null, logged };
    const context = this.#contextOf(name as FunctionName);
    if (this.#there === null) callTracing.start(context);
    else {
      this.#there(() => {
        callTracing.start(context);
        callTracing.end(context);
      });
    }
    return { context, logged };
  }

  called(call: NativeCall, begun: unknown, rv: number | bigint, microseconds: number): void {
    const { context, logged } = begun as Begun;
    const { logger } = this.#core;
    if (this.#there === null) logger?.called(call, logged, rv, microseconds);
    else if (logger !== null) this.#there(() => logger.called(call, logged, rv, microseconds));
    if (context === null) return;
    const code = Number(rv);
    context.rv = code;
    const label = this.#turn?.label;
    if (label !== undefined) context.token = label;
    const hasFailed = !isAnswer(context.fn, code) && !call.leadsOn?.(code);
    this.#over(context, hasFailed ? this.#core.engine.errors.failure(code, context.fn, this.#args, label) : null);
  }

  /** The call was not made, as nobody wanted it any more, or could not be made. */
  dropped(begun: unknown, reason: unknown): void {
    const { context } = begun as Begun;
    if (context !== null) this.#over(context, reason);
  }

  #over(context: CallContext, error: unknown): void {
    if (this.#there === null) callTracing.endWith(context, error);
    else this.#there(() => callTracing.asyncEnd(context, error));
  }

  #contextOf(fn: FunctionName): CallContext {
    const { face, sessions } = this.#core;
    const lane = this.#lane;
    const args = this.#args;
    const core = lane === null ? undefined : [...sessions].find((each) => each.lane.handle === lane.handle);
    const given = typeof args === "object" && args !== null && "slot" in args ? args.slot : undefined;
    const id = core?.slot ?? (typeof given === "bigint" ? given : undefined);
    const slot = id === undefined ? undefined : face?.slot(id);
    const mechanism = mechanismOf(fn, args);
    const token = this.#turn?.label;
    return {
      fn,
      module: face?.module ?? null,
      ...(slot === undefined ? {} : { slot }),
      ...(core?.session ? { session: core.session } : {}),
      ...(mechanism === undefined ? {} : { mechanism }),
      ...(token === undefined ? {} : { token }),
      sync: this.#there === null,
    };
  }
}
