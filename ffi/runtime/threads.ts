/** Threads that run a text. */
import { builtin } from "../../internal/builtin_modules.ts";
import { runtimeName } from "../../internal/runtime.ts";
import { WORKER_PROLOGUE } from "./runtime.ts";

/** The runtime's own: programs and their tests put others into the places of these. */
const own = { Blob, URL, Worker: globalThis.Worker };

/** A thread. It keeps the program from ending while it is referenced. */
export interface Thread {
  /** Sends it a message. */
  postMessage(message: unknown): void;
  /** Keeps the program from ending. */
  ref(): void;
  /** Lets the program end. */
  unref(): void;
  /** Ends it, and is done when it has ended. */
  terminate(): Promise<unknown>;
}

/** What comes of a thread. */
export interface ThreadEvents {
  /** It has sent a message. */
  message(): void;
  /** It died. */
  error(error: Error): void;
}

/** A worker of the web, and what it has beyond those. */
interface WebThread {
  readonly worker: Worker;
  /** Has it keep the program from ending, or not. It does at first. */
  readonly hold: (keeps: boolean) => void;
  /** Ends it, and is done when it has ended or cannot tell. */
  readonly terminate: () => Promise<unknown>;
}

/**
 * Starts a thread.
 *
 * @param main The text of a function, which is given what it hears and sends messages by, and the data.
 * @param data What is cloned for it.
 */
export function startThread(main: string, data: unknown, events: ThreadEvents): Thread {
  switch (runtimeName()) {
    case "bun":
      return webThread(bunThread, main, data, events);
    case "deno":
      return denoHold() === undefined ? nodeThread(main, data, events) : webThread(denoThread, main, data, events);
    default:
      return nodeThread(main, data, events);
  }
}

/** As Node has them. */
function nodeThread(main: string, workerData: unknown, events: ThreadEvents): Thread {
  const source = `${WORKER_PROLOGUE}const { parentPort, workerData } = process.getBuiltinModule("node:worker_threads");
(${main})(parentPort, workerData);`;
  const worker = new builtin.workerThreads.Worker(source, { eval: true, workerData });
  worker.on("message", () => events.message());
  worker.on("error", (error: Error) => events.error(error));
  return worker;
}

/**
 * The web's worker, which on Bun and Deno takes a third of the time: nothing of Node is loaded in it. The first message is
 * the data.
 */
function webThread(start: (url: string) => WebThread, main: string, data: unknown, events: ThreadEvents): Thread {
  const source = `${WORKER_PROLOGUE}const hear = (listener) => self.onmessage = ({ data }) => {
  try {
    listener(data);
  } catch (error) {
    self.postMessage(error instanceof Error ? error : new Error(String(error)));
    self.close();
  }
};
hear((data) => (${main})({ on: (_, listener) => hear(listener), postMessage: (message) => self.postMessage(message) }, data));`;
  const url = own.URL.createObjectURL(new own.Blob([source], { type: "text/javascript" }));
  const { hold, terminate, worker } = start(url);
  const heard = () => own.URL.revokeObjectURL(url);
  for (const sign of ["message", "close", "error"]) worker.addEventListener(sign, heard, { once: true });
  worker.addEventListener("message", ({ data }) => data instanceof Error ? events.error(data) : events.message());
  worker.addEventListener("error", (event) => {
    // Deno ends the program else.
    event.preventDefault();
    events.error(new Error(event.message));
  });
  worker.postMessage(data);
  let keeps = true;
  const keep = (value: boolean) => {
    if (keeps !== value) hold(keeps = value);
  };
  return {
    postMessage: (message) => worker.postMessage(message),
    ref: () => keep(true),
    unref: () => keep(false),
    terminate() {
      heard();
      return terminate();
    },
  };
}

function bunThread(url: string): WebThread {
  const worker = new own.Worker!(url) as Worker & Pick<Thread, "ref" | "unref">;
  const ended = new Promise<void>((resolve) => worker.addEventListener("close", () => resolve()));
  return {
    worker,
    hold: (keeps) => keeps ? worker.ref() : worker.unref(),
    terminate() {
      worker.terminate();
      return ended;
    },
  };
}

function denoThread(url: string): WebThread {
  const worker = new own.Worker!(url, { type: "module" });
  const hold = denoHold()!;
  return {
    worker,
    hold: (keeps) => hold.call(worker, keeps),
    terminate() {
      worker.terminate();
      return Promise.resolve();
    },
  };
}

/**
 * What lets a program on Deno end though a worker of the web lives, and takes that back. Deno has it for its own
 * `node:worker_threads`, as the one member of workers that has no name; a Deno without it starts those.
 */
function denoHold(): ((this: Worker, keeps: boolean) => void) | undefined {
  const members = own.Worker === undefined ? [] : Object.getOwnPropertySymbols(own.Worker.prototype);
  const nameless = members.filter((member) => !member.description);
  if (nameless.length !== 1) return undefined;
  const hold: unknown = Reflect.get(own.Worker.prototype, nameless[0]!);
  return typeof hold === "function" && hold.length === 1 ? hold as (keeps: boolean) => void : undefined;
}
