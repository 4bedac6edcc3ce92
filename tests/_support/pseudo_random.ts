/** A small repeatable generator for fuzz tests: `random(n)` is an integer from 0 to n - 1 (xorshift32). */
export function pseudoRandom(seed: number): (below: number) => number {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
