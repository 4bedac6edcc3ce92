// A program with a worker thread that has nothing to do. Usage: [how often]
import { tellMemory, words } from "./program.mjs";

const [count] = words;
const worker = new Worker("data:text/javascript,postMessage(0);onmessage=()=>{}", { type: "module" });
await new Promise((resolve) => worker.onmessage = resolve);
tellMemory(count);
worker.terminate();
