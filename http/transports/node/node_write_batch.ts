/**
 * Requests that are ready in the same turn of the event loop are written together at its end, or when they are many. A
 * write that finds its server waiting pays for waking it; those that follow do not.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { FULL_BATCH } from "../h2/outbox.ts";

/** With fewer exchanges going on, waiting for the end of the turn would cost more than it saves. */
const BATCHED_FROM = 8;

/** A stream whose writes can be put off. */
export interface DeferrableWriter {
  write(text: string): void;
}

let exchanges = 0;
let batch: { writer: DeferrableWriter; text: string }[] = [];

/** An exchange begins or ends. */
export function countExchange(change: 1 | -1): void {
  exchanges += change;
}

/** Writes at once, or at the end of the turn when many exchanges are going on. */
export function writeSoon(writer: DeferrableWriter, text: string): void {
  if (exchanges < BATCHED_FROM) return writer.write(text);
  const count = batch.push({ writer, text });
  if (count === 1) setImmediate(flush);
  else if (count === FULL_BATCH) flush();
}

function flush(): void {
  const writes = batch;
  batch = [];
  for (const { writer, text } of writes) writer.write(text);
}
