// Servers that are programs of their own: where they listen, when they are ready, and their end.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import process from "node:process";

/** Ports below those that systems give out by themselves: no server that begins meanwhile is given one of them. */
const chosenPorts = { first: 20_000, count: 10_000 };
/** Far enough apart for what one process needs, so that processes that run at once do not choose the same. */
const portsOfProcess = 64;
let chosen = process.pid * portsOfProcess;

/**
 * As many ports in a row as are asked for that nobody listens on, for a server that cannot choose one itself, or for a
 * connection that is to be refused. No port is given twice before all were; the first of the row is returned.
 */
export async function freePort(inARow = 1): Promise<number> {
  for (;;) {
    const ports = Array.from({ length: inARow }, () => chosenPorts.first + chosen++ % chosenPorts.count);
    if (ports.at(-1)! - ports[0]! !== inARow - 1) continue;
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return ports[0]!;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const isListening = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
  });
  if (!isListening) return false;
  server.close();
  await once(server, "close");
  return true;
}

/** Waits until a program is ready. It has to become so before it ends, and within a minute: no machine needs as long. */
export async function untilReady(
  what: string,
  child: ChildProcess,
  isReady: () => boolean | Promise<boolean>,
): Promise<void> {
  // Counted, not measured: a test may have stopped the clock.
  for (let turn = 0; !await isReady(); turn++) {
    const end = child.exitCode ?? child.signalCode;
    if (end !== null) throw new Error(`Cannot start ${what}: its program has ended with ${end}`);
    if (turn === 3000) throw new Error(`Cannot start ${what}: its program runs, and does not become ready`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits until a program accepts connections at a port, or at the path of a unix socket. */
export function untilListening(place: number | string, child: ChildProcess): Promise<void> {
  return untilReady(`the server at ${place}`, child, () => accepts(place));
}

/** What a connection fails with as long as nobody listens: a socket's file is there before anybody does. */
const notYet = new Set<unknown>(["ECONNREFUSED", "ENOENT"]);

function accepts(place: number | string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = typeof place === "number" ? connect(place, "127.0.0.1") : connect(place);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: Error & { code?: unknown }) => {
      socket.destroy();
      if (notYet.has(error.code)) resolve(false);
      else reject(error);
    });
  });
}

// The server ends when the pipe does: a test program that is killed leaves none behind. And the shell ends with the server.
const WATCH = 'exec 3<&0; "$@" 3<&- & server=$!; (read -r _ <&3; kill $server) & watcher=$!; ' +
  "wait $server; status=$?; kill $watcher; exit $status";

/** Starts a server that does not outlive this process. */
export function spawnServer(command: string, args: readonly string[]): ChildProcess {
  const child = spawn("/bin/sh", ["-c", WATCH, "sh", command, ...args], { stdio: ["pipe", "ignore", "ignore"] });
  // Who ends one that has ended already finds nobody at the other end.
  child.stdin.on("error", () => {});
  return child;
}

/** Ends a server started with {@linkcode spawnServer} and waits until it is gone. */
export async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.stdin?.end();
  await exited;
}

/** Ends a child started for a test and waits until it is gone. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}
