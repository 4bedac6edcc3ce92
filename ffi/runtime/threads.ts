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

/**
 * Starts a thread.
 *
 * @param main The text of a function, which is given what it hears and sends messages by, and the data.
 * @param data What is cloned for it.
 */
export function startThread(main: string, data: unknown, events: ThreadEvents): Thread {
  return runtimeName() === "bun" ? webWorker(main, data, events) : nodeWorker(main, data, events);
}

/** As Node has them. */
function nodeWorker(main: string, workerData: unknown, events: ThreadEvents): Thread {
  const source = `${WORKER_PROLOGUE}const { parentPort, workerData } = process.getBuiltinModule("node:worker_threads");
(${main})(parentPort, workerData);`;
  const worker = new builtin.workerThreads.Worker(source, { eval: true, workerData });
  worker.on("message", () => events.message());
  worker.on("error", (error: Error) => events.error(error));
  return worker;
}

/** What Bun's workers have that those of the web do not. */
type BunWorker = Worker & Pick<Thread, "ref" | "unref">;

/** The web's worker, which on Bun takes a third of the time: nothing of Node is loaded in it. The first message is the data. */
function webWorker(main: string, data: unknown, events: ThreadEvents): Thread {
  const source = `${WORKER_PROLOGUE}const hear = (listener) => self.onmessage = ({ data }) => listener(data);
hear((data) => (${main})({ on: (_, listener) => hear(listener), postMessage: (message) => self.postMessage(message) }, data));`;
  const url = own.URL.createObjectURL(new own.Blob([source], { type: "text/javascript" }));
  const worker = new own.Worker(url) as BunWorker;
  const ended = new Promise<void>((resolve) => worker.addEventListener("close", () => resolve()));
  for (const sign of ["message", "close"]) {
    worker.addEventListener(sign, () => own.URL.revokeObjectURL(url), { once: true });
  }
  worker.addEventListener("message", () => events.message());
  worker.addEventListener("error", ({ message }) => events.error(new Error(message)));
  worker.postMessage(data);
  return {
    postMessage: (message) => worker.postMessage(message),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
    terminate() {
      worker.terminate();
      return ended;
    },
  };
}
