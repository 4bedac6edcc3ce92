/** Calling a bound function with words in an array. */
import type { BoundFunction } from "./cryptoki.ts";

/** Calls a function in place: by its number of words, as spreading them costs more than the call. */
export function invoke(fn: BoundFunction, words: readonly bigint[]): number | bigint | undefined {
  const { call } = fn;
  switch (words.length) {
    case 1:
      return call(words[0]!);
    case 2:
      return call(words[0]!, words[1]!);
    case 3:
      return call(words[0]!, words[1]!, words[2]!);
    case 4:
      return call(words[0]!, words[1]!, words[2]!, words[3]!);
    case 5:
      return call(words[0]!, words[1]!, words[2]!, words[3]!, words[4]!);
    default:
      return call(...words);
  }
}
