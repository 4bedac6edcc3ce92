/**
 * Requests that are ready in the same turn of the event loop are written together at its end. Each write that finds its
 * server asleep pays for waking it; those that follow find it awake.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** With fewer exchanges under way, waiting for the end of the turn would cost more than it saves. */
const CROWD = 8;

/** A write that can be put off. */
export interface LateWriter {
  write(text: string): void;
}

let underWay = 0;
let batch: { writer: LateWriter; text: string }[] = [];

/** An exchange begins or ends. */
export function countExchange(change: 1 | -1): void {
  underWay += change;
}

/** Writes at once, or at the end of the turn when many exchanges are under way. */
export function writeSoon(writer: LateWriter, text: string): void {
  if (underWay < CROWD) writer.write(text);
  else if (batch.push({ writer, text }) === 1) setImmediate(flush);
}

function flush(): void {
  const writes = batch;
  batch = [];
  for (const { writer, text } of writes) writer.write(text);
}
