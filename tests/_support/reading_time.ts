// Fails a reader whose time grows faster than its text: n characters and 4 n of every class, in every frame it is known in.
import { AssertionError } from "node:assert";
import { ownTime } from "./own_time.ts";

/** Reads a text; what it returns or throws does not matter. */
export type Reader = (text: string) => unknown;

/** A reader, and what stands around the characters in question to bring it where it looks at them: `…` is their place. */
export interface TimedReader {
  readonly read: Reader;
  readonly frames: readonly string[];
  /** What is read is read in a slower way, so that less of it will do. @default {1} */
  readonly cost?: number;
  /** What this reader alone looks for. */
  readonly more?: readonly string[];
}

/** One of every class of characters that any reader looks for, and pairs that open, close or continue something. */
const CLASSES: readonly string[] = [
  ..."a0 \t,;:\"'\\=/-.%+*_@?&#<>()[]{}|~!$^`\r\n\0\x7fé€",
  ...[
    "\r\n",
    '\\"',
    "a ",
    " a",
    "a,",
    ", ",
    ",\t",
    "a=",
    '="',
    '"a"',
    ";a",
    "; ",
    ";a=b",
    "a;",
    "%2",
    "%41",
    "a.",
    ".a",
  ],
  ...[
    "//",
    "/a",
    "<>",
    "<a>",
    ">,",
    "--",
    "-----BEGIN ",
    "():",
    "a:b",
    "::",
    "[]",
    '{"',
    '":',
    '"a":',
    "0.",
    "0:",
    "\ud83d",
  ],
];

const CHARACTERS = 2048;
/** Below this many milliseconds for 4 n nothing grows by the square: it would be hundreds, or seconds. */
const TOO_SHORT_TO_TELL = 8;
/** Milliseconds below which n itself is noise: compilers and collectors work in the same process. */
const LEAST_TO_TELL = 1.5;
const MOST_GROWTH = 8;

/** Checks one reader with every class in every frame. */
export async function assertReadsInLinearTime(
  name: string,
  { read, frames, cost = 1, more = [] }: TimedReader,
): Promise<void> {
  const size = Math.floor(CHARACTERS / cost);
  for (const frame of frames) {
    for (const one of [...CLASSES, ...more]) {
      const textOf = (length: number) => frame.replace("…", () => one.repeat(Math.ceil(length / one.length)));
      const [small, large] = [textOf(size), textOf(4 * size)];
      if (await time(read, large) < TOO_SHORT_TO_TELL) continue;
      const growth = await growthOf(read, small, large);
      if (growth <= MOST_GROWTH) continue;
      throw new AssertionError({
        message: `${name} takes ${growth.toFixed(1)} times as long for four times as much of ` +
          `${JSON.stringify(one)} in ${JSON.stringify(frame)}`,
      });
    }
  }
}

/** The least times of several runs, taken by turns; what looks like growth is looked at again. */
async function growthOf(read: Reader, small: string, large: string): Promise<number> {
  let growth = Infinity;
  for (let look = 0; look < 4 && growth > MOST_GROWTH; look++) {
    let [least, most] = [Infinity, Infinity];
    for (let run = 0; run < 4; run++) {
      least = Math.min(least, await time(read, small));
      most = Math.min(most, await time(read, large));
      // So short that the clock and the compiler decide.
      if (most < TOO_SHORT_TO_TELL) return 0;
    }
    growth = Math.min(growth, most / Math.max(least, LEAST_TO_TELL));
  }
  return growth;
}

async function time(read: Reader, text: string): Promise<number> {
  const from = ownTime();
  try {
    const result = read(text);
    if (result instanceof Promise) await result;
  } catch {
    // A refusal takes its time as well.
  }
  return ownTime() - from;
}
