// Sends synchronously, lets the worker die between two sends, and prints whether the next one has found another worker.
import process from "node:process";
import { MessagePort } from "node:worker_threads";
import { HttpMessage, HttpSession } from "../../http/mod.ts";

const ports = new Set<MessagePort>();
const { postMessage } = MessagePort.prototype;
MessagePort.prototype.postMessage = function (this: MessagePort, ...given: [never]): void {
  ports.add(this);
  return postMessage.apply(this, given);
};

const session = new HttpSession();
const outcomes: (number | string)[] = [];

function send(): boolean {
  try {
    outcomes.push(session.sendMessageSync(new HttpMessage("GET", process.argv[2]!)));
    return true;
  } catch (error) {
    outcomes.push(String((error as { code?: unknown }).code));
    return false;
  }
}

let isReplaced = false;
// What the dying worker says may still be on its way: then the send after it meets it, and another worker is to die.
for (let time = 20; time < 5000 && !isReplaced; time *= 2) {
  if (!send()) continue;
  const count = ports.size;
  postMessage.call([...ports].at(-1)!, null as never);
  await new Promise((resolve) => setTimeout(resolve, time));
  isReplaced = send() && ports.size > count;
}
process.stdout.write(JSON.stringify({ isReplaced, outcomes }), () => process.exit(0));
