// Child processes that always end: output kept, a time limit, and the whole process group killed with them.

/** How a child process is run. */
export interface RunOptions {
  /** Variables added to the environment of this process. */
  env?: Record<string, string>;
  /** The folder it runs in; this process's own by default. */
  cwd?: string;
  /** Milliseconds after which the process and its children are killed. */
  timeoutMs?: number;
  /** Milliseconds without any output after which they are killed. */
  silenceMs?: number;
  /** Called with each piece of output as it comes. */
  onOutput?: (text: string) => void;
  /** Show the output instead of keeping it. */
  inherit?: boolean;
}

/** What a child process left. */
export interface RunResult {
  /** The exit code; 128 + the signal's number when it was killed. */
  readonly code: number;
  /** The signal that ended it, or null. */
  readonly signal: string | null;
  /** Whether the time limit ended it. */
  readonly timedOut: boolean;
  /** Standard output and error, in the order they came. */
  readonly output: string;
  /** Milliseconds it ran. */
  readonly ms: number;
}

/** Runs a program to its end. Throws when it cannot be started. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const start = performance.now();
  const [program, ...args] = command;
  if (program === undefined) throw new TypeError("Cannot run a program: the command is empty");
  const output = options.inherit ? "inherit" : "piped";
  const windows = Deno.build.os === "windows";
  const child = new Deno.Command(program, {
    args,
    ...(options.env ? { env: options.env } : {}),
    ...(options.cwd ? { cwd: options.cwd } : {}),
    stdin: "null",
    stdout: output,
    stderr: output,
    detached: !windows,
  }).spawn();

  let timedOut = false;
  let ended = false;
  const kill = () => {
    try {
      if (windows) child.kill("SIGKILL");
      else Deno.kill(-child.pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  };
  const killAfter = (ms: number | undefined) =>
    ms === undefined ? undefined : setTimeout(() => {
      timedOut = true;
      kill();
    }, ms);
  const limit = killAfter(options.timeoutMs);
  let silence = killAfter(options.silenceMs);
  const forward = () => {
    kill();
    Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", forward);

  const pieces: string[] = [];
  const keep = (text: string) => {
    pieces.push(text);
    clearTimeout(silence);
    if (!ended) silence = killAfter(options.silenceMs);
    options.onOutput?.(text);
  };
  try {
    const readers = options.inherit ? [] : [collect(child.stdout, keep), collect(child.stderr, keep)];
    const status = await child.status;
    ended = true;
    // A grandchild that outlives the program would hold its pipes open for ever.
    if (!windows) kill();
    await Promise.all(readers);
    return {
      code: status.code,
      signal: status.signal,
      timedOut,
      output: pieces.join(""),
      ms: performance.now() - start,
    };
  } finally {
    clearTimeout(limit);
    clearTimeout(silence);
    Deno.removeSignalListener("SIGINT", forward);
  }
}

async function collect(stream: ReadableStream<Uint8Array>, keep: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) keep(decoder.decode(chunk, { stream: true }));
  keep(decoder.decode());
}
