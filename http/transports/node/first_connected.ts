/** Several addresses of one host: which is tried when, and which one is used (RFC 8305). */
import type { HostAddress } from "../host_lookup.ts";

/** How long an attempt has the field to itself before the next one begins, in milliseconds (RFC 8305 §5). */
const ATTEMPT_DELAY = 250;

/** One attempt to connect. */
export interface ConnectionAttempt<T> {
  /** Resolves with the connection. */
  readonly connected: Promise<T>;
  /** Gives it up, whatever has become of it. */
  close(): void;
}

/** Begins an attempt; must not throw. */
export type BeginAttempt<T> = (address: HostAddress) => ConnectionAttempt<T>;

/** Calls something later; the result calls it off. */
export type Later = (milliseconds: number, run: () => void) => () => void;

/** Addresses of both families in turn, that of the preferred address first (RFC 8305 §4). */
export function inTurn(addresses: readonly HostAddress[]): readonly HostAddress[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const others = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const rows = Math.max(first.length, others.length);
  return Array.from({ length: rows }, (_, row) => [first[row], others[row]]).flat().filter((each) =>
    each !== undefined
  );
}

/**
 * Connects to whichever address answers first. The next one is tried when the last attempt has failed or a quarter of a
 * second has passed; attempts that have begun go on all the while. Those that lose are closed.
 *
 * @throws {unknown} The error of the only address, an AggregateError with those of all, or `signal.reason`.
 */
export function firstConnected<T>(
  addresses: readonly HostAddress[],
  begin: BeginAttempt<T>,
  signal: AbortSignal,
  later: Later = laterByTimer,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const waiting = [...inTurn(addresses)];
    const running = new Set<ConnectionAttempt<T>>();
    /** By the order of the addresses. */
    const errors: unknown[] = [];
    let begun = 0;
    let callOff = (): void => {};
    let isOver = false;
    const end = (finish: () => void, winner?: ConnectionAttempt<T>): void => {
      isOver = true;
      callOff();
      signal.removeEventListener("abort", onAbort);
      for (const attempt of running) if (attempt !== winner) attempt.close();
      finish();
    };
    const onAbort = (): void => end(() => reject(signal.reason));
    const next = (): void => {
      callOff();
      const address = waiting.shift();
      if (address === undefined) return;
      const attempt = begin(address);
      const index = begun++;
      running.add(attempt);
      attempt.connected.then((connection) => {
        // One that connects when it is too late was closed, and is not looked at.
        if (!isOver) end(() => resolve(connection), attempt);
      }, (error: unknown) => {
        running.delete(attempt);
        errors[index] = error;
        if (isOver) return;
        if (waiting.length > 0) next();
        else if (running.size === 0) end(() => reject(errors.length === 1 ? error : severalErrors(errors)));
      });
      if (waiting.length > 0) callOff = later(ATTEMPT_DELAY, next);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort);
    next();
  });
}

/** What is said of all attempts, with the code of the first. */
function severalErrors(errors: readonly unknown[]): AggregateError {
  const texts = errors.map((error) => error instanceof Error ? error.message : String(error));
  const code = (errors[0] as { code?: unknown } | null)?.code;
  const error = new AggregateError(errors, texts.join(", "));
  return typeof code === "string" ? Object.assign(error, { code }) : error;
}

function laterByTimer(milliseconds: number, run: () => void): () => void {
  const timer = setTimeout(run, milliseconds);
  return () => clearTimeout(timer);
}
