// Time that a busy machine does not lengthen.
import process from "node:process";

/** Milliseconds that this process has worked. */
export function ownTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
