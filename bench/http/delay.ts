// A long way to a server: TCP in a process of its own, each direction later by some milliseconds.
import { type ChildProcess, spawn } from "node:child_process";
import { connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { firstLine } from "../../tests/_support/child_program.ts";
import { stopChild } from "../../tests/_support/server_programs.ts";
import { say } from "../../tools/say.ts";

/** Where the way leads, and how long it takes. */
export interface DelayOptions {
  /** The server's port. */
  readonly port: number;
  /** Milliseconds of one direction. */
  readonly delay: number;
  /** Ports that lead there. */
  readonly count: number;
}

/** Starts it; `ports` all lead to the server. */
export async function startDelays(
  { count, delay, port }: DelayOptions,
): Promise<AsyncDisposable & { ports: readonly number[] }> {
  const args = ["run", "-A", "--quiet", "--no-check", "--import-map=tests/offline.import_map.json"];
  const program = fileURLToPath(import.meta.url);
  const child: ChildProcess = spawn(process.execPath, [...args, program, String(port), String(delay), String(count)], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ports: number[] = JSON.parse(await firstLine(child));
  return { ports, [Symbol.asyncDispose]: () => stopChild(child) };
}

/** Passes on what comes, in order, later. */
function passOn(from: Socket, to: Socket, delay: number): void {
  from.on("data", (bytes) => void setTimeout(() => to.write(bytes), delay));
  from.on("end", () => void setTimeout(() => to.end(), delay));
  from.on("error", () => to.destroy());
}

async function listen(port: number, delay: number): Promise<number> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    passOn(near, far, delay);
    passOn(far, near, delay);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

if (import.meta.main) {
  const [port, delay, count] = process.argv.slice(2).map(Number) as [number, number, number];
  say(JSON.stringify(await Promise.all(Array.from({ length: count }, () => listen(port, delay)))));
}
