import { builtin } from "../../internal/builtin_modules.ts";
import { isSecureExecution, WORKER_PROLOGUE } from "../../ffi/runtime/runtime.ts";

/** A command that speaks p11-kit's protocol on its standard input and output, reachable through a socket. */
export interface CommandBridge {
  /** Where p11-kit's client finds it. */
  readonly address: string;
  /** Ends it, and the commands it has started. */
  close(): void;
}

/**
 * Starts the command anew for each connection to a socket of its own. It lives on a thread of its own: a native call
 * that waits for the command's answer blocks the thread it was made on.
 */
export async function bridgeCommand(command: readonly string[]): Promise<CommandBridge> {
  // In a program with more rights than its caller the environment names neither the folder nor the program.
  const isSecure = isSecureExecution();
  const folder = builtin.fs.mkdtempSync(`${isSecure ? "/tmp" : builtin.os.tmpdir()}/gp11-remote-`);
  const socket = `${folder}/socket`;
  const worker = new builtin.workerThreads.Worker(`${WORKER_PROLOGUE}(${bridgeMain})()`, {
    eval: true,
    workerData: isSecure
      ? { socket, command: [systemProgram(command[0]!), ...command.slice(1)], env: { PATH: SYSTEM_FOLDERS.join(":") } }
      : { socket, command },
  });
  const close = () => {
    worker.once("message", () => void worker.terminate());
    worker.postMessage("close");
    builtin.fs.rmSync(folder, { recursive: true, force: true });
  };
  try {
    await new Promise<void>((resolve, reject) => {
      worker.once("message", () => resolve());
      worker.once("error", reject);
    });
  } catch (error) {
    close();
    throw error;
  }
  worker.unref();
  return { address: `unix:path=${socket}`, close };
}

const SYSTEM_FOLDERS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"] as const;

/** The system's program of this name. */
function systemProgram(name: string): string {
  if (name.includes("/")) return name;
  const folder = SYSTEM_FOLDERS.find((folder) => builtin.fs.existsSync(`${folder}/${name}`)) ?? SYSTEM_FOLDERS[1];
  return `${folder}/${name}`;
}

/** The bridge's thread. Uses nothing from outside: its text is sent there. */
async function bridgeMain(): Promise<void> {
  const { createServer } = await import("node:net");
  const { spawn } = await import("node:child_process");
  const { parentPort, workerData } = await import("node:worker_threads");
  const { socket: path, command, env } = workerData as {
    socket: string;
    command: string[];
    env?: Record<string, string>;
  };
  const children = new Set<ReturnType<typeof spawn>>();
  const server = createServer((socket) => {
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ["pipe", "pipe", "inherit"],
      ...env === undefined ? {} : { env },
    });
    children.add(child);
    const end = () => {
      children.delete(child);
      socket.destroy();
      child.kill();
    };
    child.once("error", end);
    // What it has said last may still be on its way when it has ended, or reads no more: its output ends the socket.
    child.once("close", () => children.delete(child));
    child.stdin!.on("error", () => socket.unpipe(child.stdin!));
    socket.on("error", end);
    socket.on("close", end);
    socket.pipe(child.stdin!);
    child.stdout!.pipe(socket);
  });
  server.listen(path, () => parentPort!.postMessage("ready"));
  parentPort!.on("message", () => {
    server.close();
    for (const child of children) child.kill();
    parentPort!.postMessage("closed");
  });
}

/** Splits a command line as p11-kit does: blanks separate, quotes hold together, a backslash takes the next as it is. */
export function splitCommand(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === "\\" && at + 1 < text.length && quote !== "'") word = (word ?? "") + text[++at];
    else if (quote !== "") {
      if (character === quote) quote = "";
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + character;
  }
  if (quote !== "") throw new SyntaxError(`Cannot read the command of a remote module: a ${quote} is not closed`);
  if (word !== null) words.push(word);
  return words;
}
