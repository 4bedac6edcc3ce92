/**
 * Where a PIN comes from: a source that is named, the environment, a person at the terminal. Never the command line, where
 * others could read it.
 *
 * @module
 */
import { withoutNuls } from "../../ffi/memory/structs.ts";
import { type PinSourceRequest, requestPin } from "../../session/pins/mod.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError } from "../terminal/errors.ts";
import { askSecret } from "../terminal/questions.ts";
import { safeText } from "../terminal/text.ts";

/** A PIN, by whose it is or what it is to be. */
interface PinKind {
  /** The environment variable that may hold it. */
  readonly variable: string;
  /** What names a source of it. */
  readonly sourceName: string;
  /** What to do where nobody has it. */
  readonly hint: string;
}

/** The PINs there are. */
export const pinKinds = {
  user: {
    variable: "GP11_PIN",
    sourceName: "pin-source",
    hint: "Set GP11_PIN, or give a pin-source in the URI, such as ?pin-source=file:/run/pin.",
  },
  so: {
    variable: "GP11_SO_PIN",
    sourceName: "so-pin-source",
    hint: "Set GP11_SO_PIN, or give --so-pin-source FILE.",
  },
  new: {
    variable: "GP11_NEW_PIN",
    sourceName: "new-pin-source",
    hint: "Set GP11_NEW_PIN, or give --new-pin-source FILE.",
  },
} as const satisfies Readonly<Record<string, PinKind>>;

/** What a PIN is wanted for. */
export interface PinUse {
  /** Which PIN. */
  readonly kind: keyof typeof pinKinds;
  /** What cannot be done without it, such as `log in to the token "demo"`. */
  readonly action: string;
  /** What the URI or an option names as its source. */
  readonly source: string | undefined;
}

/** Where a PIN comes from, in words, and how it is had. */
export interface PinPlace {
  /** Its name. */
  readonly name: string;
  /** Whether a person gives it, who may answer for the last try. */
  readonly isPerson: boolean;
  /**
   * The PIN, for the caller to overwrite; null where a person gives none.
   *
   * @param question What a person is asked, such as `PIN of "demo"`.
   */
  read(question: string, request?: PinSourceRequest): Promise<Uint8Array | null>;
}

/** The place of a PIN: the source that is named, else the environment, else a person. */
export function pinPlace(context: CommandContext, use: PinUse): PinPlace {
  const { hint, variable } = pinKinds[use.kind];
  const { environment } = context.surroundings;
  if (use.source !== undefined) return sourcePlace(use, use.source);
  const pin = environment[variable];
  if (pin !== undefined && pin !== "") {
    return { name: variable, isPerson: false, read: () => Promise.resolve(new TextEncoder().encode(pin)) };
  }
  return {
    name: "the terminal",
    isPerson: true,
    async read(question) {
      const terminal = context.surroundings.openTerminal();
      if (terminal === null) {
        throw new CommandError(`Cannot ${use.action}: there is no PIN and no terminal to ask for it`, hint);
      }
      const typed = await askSecret(terminal, `${question}: `, context.signal);
      // An Enter too many would be a wrong PIN, and cards count.
      return typed?.length ? typed : null;
    },
  };
}

function sourcePlace({ action, kind }: PinUse, source: string): PinPlace {
  const { sourceName, variable } = pinKinds[kind];
  const isOfUri = kind === "user";
  const what =
    `${isOfUri ? "The pin-source of the URI" : `--${sourceName}`} is the path of a file with the PIN in it, or ` +
    "a file: URI.";
  return {
    name: isOfUri ? "the URI's pin-source" : `--${sourceName}`,
    isPerson: false,
    async read(_question, request) {
      const answer = await requestPin(source, request).catch((cause: Error) => {
        // What is no file may never end, so it is not read.
        const isOther = cause.cause instanceof TypeError;
        throw new CommandError(cause.message, isOther ? `${what} A program's output goes into ${variable}.` : what, {
          cause,
        });
      });
      if (answer !== null && answer.length > 0) {
        return typeof answer === "string" ? new TextEncoder().encode(answer) : answer;
      }
      const state = answer === null ? "has no PIN" : "is empty";
      throw new CommandError(`Cannot ${action}: the ${sourceName} ${safeText(source)} ${state}`, what);
    },
  };
}

/** A label as it stands in messages. */
export function quoted(label: string): string {
  return JSON.stringify(safeText(withoutNuls(label)));
}
