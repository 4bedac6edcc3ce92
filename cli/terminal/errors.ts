/** Exit codes, as docs/command-line.md has them. */
export const ExitCode = {
  /** Done. */
  DONE: 0,
  /** It failed; a wrong signature is a failure. */
  FAILED: 1,
  /** The command line makes no sense. */
  USAGE: 2,
} as const;

/** The command line makes no sense: it ends with exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** The command whose help tells more. */
  readonly command: string | undefined;

  /**
   * Describes what is wrong.
   *
   * @param message What cannot be done and why.
   * @param command The command whose help tells more.
   */
  constructor(message: string, command?: string) {
    super(message);
    this.command = command;
  }
}

/** Something could not be done: it ends with exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** What to do about it. */
  readonly hint: string | undefined;

  /**
   * Describes what is wrong.
   *
   * @param message What cannot be done and why.
   * @param hint What to do about it.
   */
  constructor(message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.hint = hint;
  }
}

/** Whoever read the output has closed it, as `head` does. */
export class OutputClosedError extends Error {
  override readonly name = "OutputClosedError";

  /** Describes it. */
  constructor(cause?: unknown) {
    super("Cannot write: whoever read the output has closed it", { cause });
  }
}

/** A person or the system has ended the command. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
  /** The exit code: 128 and the signal's number. */
  readonly exitCode: number;

  /** Describes the signal. */
  constructor(signal: "SIGINT" | "SIGTERM" | "SIGHUP") {
    super(`Cannot go on: interrupted by ${signal}`);
    this.exitCode = 128 + { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 }[signal];
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "the rights to it are missing",
  EPERM: "the rights to it are missing",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is no folder",
  ENOSPC: "the disk is full",
  EROFS: "the file system is read-only",
  EBADF: "it is closed",
};

/** What an error of the system means for people; `action` completes "Cannot …". */
export function systemError(action: string, error: unknown): CommandError {
  const code = (error as { code?: unknown } | null)?.code;
  const reason = reasons[String(code)] ?? (error instanceof Error ? error.message : String(error));
  return new CommandError(`Cannot ${action}: ${reason}`, undefined, { cause: error });
}
