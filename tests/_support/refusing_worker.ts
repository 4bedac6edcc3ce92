// A server in a worker thread that answers an upload without reading it, and closes while the test's own thread waits: what the
// test writes next finds nobody, before it can have read the answer.
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";

const PROGRAM = `
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { parentPort, workerData } from "node:worker_threads";
const { state, answer, isOrderly, tls } = workerData;
const serve = (socket) => {
  socket.on("error", () => {});
  socket.once("data", () => {
    socket.pause();
    Atomics.store(state, 0, 1);
    const timer = setInterval(() => {
      if (Atomics.load(state, 0) !== 2) return;
      clearInterval(timer);
      // What has not been read makes the system refuse the rest.
      if (isOrderly) socket.end(answer, () => socket.destroy());
      else if (answer.length > 0) socket.write(answer, () => setTimeout(() => socket.destroy(), 50));
      else socket.destroy();
    }, 1);
  });
  socket.on("close", () => {
    Atomics.store(state, 0, 3);
    Atomics.notify(state, 0);
  });
};
const server = tls ? createTlsServer(tls, serve) : createServer(serve);
server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

/** How the server answers. */
export interface Refusal {
  /** All that it sends. */
  answer: string | Uint8Array;
  /** It ends its side before it closes. */
  isOrderly: boolean;
  tls?: { cert: string; key: string } | undefined;
}

/** A running server, for one upload. */
export interface RefusingWorker extends AsyncDisposable {
  port: number;
  /** A body of which the server gets a part before it closes. */
  body(): ReadableStream<Uint8Array<ArrayBuffer>>;
}

const PART = 256 * 1024;

export async function refusingWorker(refusal: Refusal): Promise<RefusingWorker> {
  const state = new Int32Array(new SharedArrayBuffer(4));
  const address = new URL(`data:text/javascript,${encodeURIComponent(PROGRAM)}`);
  const worker = new Worker(address, { workerData: { state, ...refusal } });
  const [port] = await once(worker, "message") as [number];
  let pulled = 0;
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>) => {
    if (pulled++ === 1) {
      while (Atomics.load(state, 0) !== 1) await setTimeout(1);
      Atomics.store(state, 0, 2);
      Atomics.wait(state, 0, 2);
    }
    controller.enqueue(new Uint8Array(PART));
    if (pulled === 20) controller.close();
  };
  return {
    port,
    body: () => new ReadableStream({ pull }, { highWaterMark: 0 }),
    [Symbol.asyncDispose]: async () => void await worker.terminate(),
  };
}
