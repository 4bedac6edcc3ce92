// A program that ends in the way it is told while a call of its is inside the module, which never returns from it.
import process from "node:process";
import { workerPool } from "../../ffi/workers/worker_pool.ts";
import { Module } from "../../session/tokens/module.ts";
import { StrictModule } from "./strict_module.ts";

const say = (text: string) => process.stdout.write(`${text}\n`);

process.on("exit", () => say("first listener"));
const strict = new StrictModule();
const module = await Module.load(strict.path, { managed: false });
const session = await (await module.slots())[0]!.openSession();
strict.block("C_GenerateRandom");
const controller = new AbortController();
session.generateRandom(8, { signal: controller.signal }).catch(() => say("aborted"));
await strict.blocked();
process.on("exit", () => say("last listener"));
switch (process.argv[2]) {
  case "exit":
    process.exit(7);
    break;
  case "exit after an abort":
    controller.abort();
    setTimeout(() => process.exit(7), 10);
    break;
  case "exit after the pool was closed":
    void workerPool().close();
    setTimeout(() => process.exit(7), 10);
    break;
  case "exit, and again in a listener":
    process.on("exit", () => process.exit(7));
    process.exit(3);
    break;
  case "exit without listeners":
    process.removeAllListeners("exit");
    process.exit(7);
    break;
  case "something thrown that has no text":
    setTimeout(() => {
      throw Object.create(null);
    }, 10);
    break;
  case "a listener for uncaught errors that throws":
    process.on("uncaughtException", () => {
      throw new Error("nobody catches this");
    });
    setTimeout(() => {
      throw new Error("the first error");
    }, 10);
    break;
  case "an uncaught error":
    setTimeout(() => {
      throw new Error("nobody catches this");
    }, 10);
}
