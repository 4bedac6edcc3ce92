// Starts a worker of synchronous sends that does what the argument says, blocks, and prints what the worker has said.
import process from "node:process";
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import { startSyncWorker } from "../../http/sync/sync_bootstrap.ts";

const shared = new Int32Array(new SharedArrayBuffer(12));
const { port1, port2 } = new MessageChannel();
startSyncWorker(port2, shared, process.argv[2]!).on("error", () => {});
port1.postMessage("begin");
// Blocked as a synchronous send is: nothing but what the worker says can wake this thread.
Atomics.wait(shared, 0, 0, 60_000);
process.stdout.write(JSON.stringify(receiveMessageOnPort(port1)?.message ?? null), () => process.exit(0));
