/** What runs inside a worker thread. Self-contained: its text is the worker's whole program. */
import type { CallLock, NativeFunction, NativeResult, NativeRuntime, NativeSource } from "../runtime/native.ts";
import type { oneAtATime } from "../runtime/one_at_a_time.ts";

/**
 * Layout of a job in shared memory. A slot is a run of 64-bit words; its head is read as 32-bit integers, then each call
 * follows as one word (function id; above bit 32 the count of arguments, and from bit 40 on how far it is from one row of
 * them to the next where the calls are repeated), one word for what it returned, and its arguments.
 */
export const LAYOUT = {
  /** Slots of the shared area. */
  slots: 256,
  /** 64-bit words of a slot. */
  words: 64,
  /** First word of the calls. */
  calls: 4,
  /** 32-bit index of the state. */
  state: 0,
  /** 32-bit index of the number of the call the job stopped at; while it runs, of one before which all have succeeded. */
  stopped: 1,
  /** 32-bit index of the number of calls. */
  count: 2,
  /** 32-bit index of the run time in µs. */
  duration: 3,
  /** 32-bit index of the flag that a cancellation kept calls from running. */
  cancelled: 4,
  /** 32-bit index of how many times the calls are made. */
  times: 5,
  /** 32-bit index of the flag that the caller waits for the job in place. */
  waited: 6,
  /** 32-bit index of how many calls were made, the one that failed included. */
  made: 7,
} as const;

/** Life of a job. */
export const JOB_STATE = { queued: 1, running: 2, done: 3, cancelled: 4, revoked: 5 } as const;

/**
 * What a worker and its caller share besides jobs, as 32-bit integers: after its last job a worker listens for a moment to
 * its inbox, where work reaches it sooner and for less than by a message. The jobs it has run stand in its outbox.
 *
 * No answer is missed: the worker writes the outbox, then its tail, and sends a message unless one is on its way, that is,
 * unless it finds `told` set. The caller clears `told` first and reads the tail after that. A worker that has found `told`
 * set has done so before the caller cleared it, and has written the tail before: the caller reads it.
 *
 * Nothing in the outbox is overwritten before it is read: it has as many places as there are slots, and a slot is not used
 * again before its answer was read.
 */
export const THREAD = {
  /** Number of the thread, where the runtime knows it. */
  id: 0,
  /** Whether the worker listens; otherwise a message must wake it. */
  listening: 1,
  /** How many jobs have been put into the inbox. */
  tail: 2,
  /** How many jobs have been taken out. */
  head: 3,
  /** How many messages with functions or with memory to keep have been heard. */
  heard: 4,
  /** How many jobs it was given it will not look at again. */
  served: 5,
  /** How many jobs have been put into the outbox. */
  answered: 6,
  /** Whether a message that tells of the outbox is on its way. */
  told: 7,
  /** How many jobs have been put into the inbox and how many messages sent, together: what a worker listens to. */
  sent: 8,
  /** Whether the caller has been seen to run beside the worker, on another processor. */
  beside: 9,
  /** First place of the inbox. */
  inbox: 10,
  /** Places of the inbox. */
  places: 32,
  /** First place of the outbox, which has a place for each slot. */
  outbox: 42,
  /** How long a worker listens. */
  milliseconds: 10,
  /**
   * A worker that runs beside its caller tells of each job at once, with others left to run, unless they are so many
   * microseconds of work;
   */
  ahead: 100,
  /** after so many milliseconds it tells in any case. */
  longest: 1,
  /** Calls that are repeated end after so many milliseconds, however many are left: somebody may wait for the thread. */
  turn: 50,
  /** So many times they are made at most before the clock is looked at, and so many that are left are not told of. */
  look: 64,
  /** As often as this, no more is learned from the caller taking this thread's processor when it is told. */
  certain: 8,
} as const;

/** Calls of a job that are too long for its slot. */
export interface JobArea {
  /** The slot. */
  slot: number;
  /** Words of the calls, laid out as in a slot. Not an array of them: Deno looks at each part of one that is sent. */
  memory: SharedArrayBuffer;
}

/** What the caller sends to a worker. */
export interface WorkerRequest {
  /** Jobs to run, in order. */
  slots: number[];
  /** Areas of jobs that do not fit a slot. */
  areas?: JobArea[];
  /** Memory jobs may use at any time. */
  kept?: ArrayBuffer[];
  /** Memory these jobs use. */
  held?: ArrayBuffer[];
  /** Functions this worker has not seen. */
  functions?: { id: number; arity: number; result: NativeResult; source: NativeSource; lock: CallLock | null }[];
}

interface Port {
  on(event: "message", listener: (request: WorkerRequest) => void): void;
  postMessage(message: unknown): void;
}

/** Runs jobs as they come. Uses nothing from outside, as its text is sent to worker threads. */
export function workerMain(
  runtime: NativeRuntime,
  guard: typeof oneAtATime,
  port: Port,
  data: { memory: SharedArrayBuffer; mark: bigint; thread: SharedArrayBuffer },
  layout: typeof LAYOUT,
  jobState: typeof JOB_STATE,
  thread: { readonly [Name in keyof typeof THREAD]: number },
): void {
  const control = new Int32Array(data.thread);
  const states = new Int32Array(data.memory);
  const shared = new BigUint64Array(data.memory);
  const sharedHalves = new Uint32Array(data.memory);
  const functions: NativeFunction[] = [];
  // Memory is held, not used, here: it must not go away with the thread that has given it while C may use it.
  const kept: ArrayBuffer[] = [];
  let held: ArrayBuffer[] = [];
  const find = ({ arity, result, source }: NonNullable<WorkerRequest["functions"]>[number]): NativeFunction => {
    if (source.kind === "address") return runtime.bindAddress(source.address, arity, result);
    const fn = runtime.open(source.path).bind(source.name, arity, result);
    if (!fn) throw new Error(`Cannot bind ${source.name} of ${source.path} in a worker thread: it is missing`);
    return fn;
  };
  const bind = (given: NonNullable<WorkerRequest["functions"]>[number]): NativeFunction =>
    given.lock ? guard(runtime, given.lock, find(given)) : find(given);
  /** A word for C: no bigint is made of one where the runtime takes a number. */
  const word = runtime.takesNumbers
    ? (words: BigUint64Array, halves: Uint32Array, at: number): bigint => {
      const high = halves[at * 2 + 1]!;
      return high < 0x200000 ? halves[at * 2]! + high * 0x1_0000_0000 as unknown as bigint : words[at]!;
    }
    : (words: BigUint64Array, _halves: Uint32Array, at: number): bigint => words[at]!;
  const invoke = (
    fn: NativeFunction,
    w: BigUint64Array,
    h: Uint32Array,
    i: number,
    count: number,
  ): number | bigint | undefined => {
    switch (count) {
      case 0:
        return fn();
      case 1:
        return fn(word(w, h, i));
      case 2:
        return fn(word(w, h, i), word(w, h, i + 1));
      case 3:
        return fn(word(w, h, i), word(w, h, i + 1), word(w, h, i + 2));
      case 4:
        return fn(word(w, h, i), word(w, h, i + 1), word(w, h, i + 2), word(w, h, i + 3));
      case 5:
        return fn(word(w, h, i), word(w, h, i + 1), word(w, h, i + 2), word(w, h, i + 3), word(w, h, i + 4));
      default:
        return fn(...w.slice(i, i + count));
    }
  };
  /** Runs a job from a time on, which is about now. Returns when it has ended. */
  const run = (slot: number, area: JobArea | undefined, started: number): number => {
    const head = slot * layout.words * 2;
    const words = area ? new BigUint64Array(area.memory) : shared;
    // The same as 32-bit integers: a bigint is made where it is handed to C, and not before.
    const halves = area ? new Uint32Array(area.memory) : sharedHalves;
    const first = area ? layout.calls : slot * layout.words + layout.calls;
    const count = states[head + layout.count]!;
    const times = states[head + layout.times]!;
    const total = count * times;
    let stopped = 0;
    let cancelled = 0;
    let failed = 0;
    /** When the clock is looked at next. */
    let look = times > 1 ? 1 : 0;
    /** When the caller is told how far it is. */
    let half = times >> 1;
    for (let at = first, index = 0, time = 0; stopped < total; stopped++) {
      if (Atomics.load(states, head + layout.state) !== jobState.running) {
        cancelled = 1;
        break;
      }
      const argc = halves[at * 2 + 1]! & 0xff;
      const pitch = halves[at * 2 + 1]! >> 8;
      const fn = functions[halves[at * 2]!]!;
      const row = at + 2 + time * pitch;
      const value = invoke(fn, words, halves, row, argc);
      if (value === 0) words[at + 1] = 0n;
      else words[at + 1] = BigInt.asUintN(64, BigInt(value ?? 0));
      if (typeof value === "number" && value !== 0) {
        failed = 1;
        break;
      }
      at += 2 + (pitch === 0 ? argc : pitch * times);
      if (++index < count) continue;
      at = first;
      index = 0;
      if (++time !== look) continue;
      const left = thread.turn / (performance.now() - started) * time - time;
      if (left < 1 && time < times) {
        stopped++;
        break;
      }
      look = time + (Math.min(left, thread.look) | 0);
      if (time < half || times - time < thread.look) continue;
      half = time + (times - time >> 1);
      Atomics.store(states, head + layout.stopped, stopped + 1);
      tell();
    }
    states[head + layout.stopped] = stopped;
    states[head + layout.cancelled] = cancelled;
    states[head + layout.made] = stopped + failed;
    const ended = performance.now();
    states[head + layout.duration] = Math.min(1e9, (ended - started) * 1000);
    // In this order: whoever sets the flag looks at the state after that.
    Atomics.store(states, head + layout.state, jobState.done);
    if (Atomics.load(states, head + layout.waited) === 1) Atomics.notify(states, head + layout.state);
    return ended;
  };
  /** Tells who cleans up after a thread that was terminated whether calls it has begun are still under way. */
  const mark = (id: number): void => {
    if (data.mark !== 0n) runtime.write?.(data.mark, id);
  };
  // What of `sent` has been taken out of the inbox or heard.
  let received = 0;
  const answer = (slot: number): void => {
    const tail = control[thread.answered]!;
    control[thread.outbox + (tail >>> 0) % layout.slots] = slot;
    Atomics.store(control, thread.answered, tail + 1 | 0);
  };
  // Higher the more often the caller ran instead of this thread when it was told, and not beside it.
  let displaced = thread.certain / 2;
  const tell = (): void => {
    if (Atomics.exchange(control, thread.told, 1) !== 0) return;
    port.postMessage(0);
    // Who has read the outbox before this thread came back from telling has taken its processor. It is seldom mistaken for
    // that, while the system lets this thread go on for a moment quite often.
    const isDisplaced = Atomics.load(control, thread.told) === 0;
    displaced = isDisplaced ? Math.min(displaced + 2, thread.certain) : Math.max(displaced - 1, 0);
    control[thread.beside] = displaced < thread.certain / 2 ? 1 : 0;
  };
  const serve = (slots: readonly number[], areas: readonly JobArea[]): void => {
    let now = performance.now();
    let told = now;
    mark(control[thread.id]!);
    for (let left = slots.length - 1; left >= 0; left--) {
      const slot = slots[slots.length - 1 - left]!;
      const head = slot * layout.words * 2;
      if (Atomics.compareExchange(states, head + layout.state, jobState.queued, jobState.running) === jobState.queued) {
        now = run(slot, areas.find((area) => area.slot === slot), now);
        answer(slot);
      }
      if (left === 0) mark(0);
      Atomics.add(control, thread.served, 1);
      // The caller makes the next ones ready meanwhile; but its waking up costs as much as a short job.
      const work = left * states[head + layout.duration]!;
      const waits = work > thread.ahead || control[thread.beside] === 0;
      if (left > 0 && waits && now - told < thread.longest) continue;
      // Even where nothing was run: slots of jobs that were taken back wait for it.
      tell();
      told = now;
    }
  };
  const listen = (): void => {
    for (;;) {
      Atomics.store(control, thread.listening, 1);
      const head = Atomics.load(control, thread.head);
      // A message that has come meanwhile is heard when this returns.
      Atomics.wait(control, thread.sent, received, thread.milliseconds);
      if (Atomics.load(control, thread.tail) === head) {
        Atomics.store(control, thread.listening, 0);
        // Whoever put something in before this line was read has sent no message.
        if (Atomics.load(control, thread.tail) === head) return;
      }
      const tail = Atomics.load(control, thread.tail);
      const slots: number[] = [];
      for (let at = head; at !== tail; at = at + 1 | 0) slots.push(control[thread.inbox + (at >>> 0) % thread.places]!);
      received = received + slots.length | 0;
      Atomics.store(control, thread.head, tail);
      serve(slots, []);
    }
  };
  Atomics.store(control, thread.id, runtime.threadId?.() ?? 0);
  port.on("message", (request) => {
    received = received + 1 | 0;
    for (const fn of request.functions ?? []) functions[fn.id] = bind(fn);
    kept.push(...request.kept ?? []);
    if (request.functions || request.kept) Atomics.add(control, thread.heard, 1);
    held = request.held ?? [];
    if (request.slots.length > 0) serve(request.slots, request.areas ?? []);
    if (held.length > 0) held = [];
    listen();
  });
}
