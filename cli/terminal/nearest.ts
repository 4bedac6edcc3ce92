/** Steps from one word to another: a letter more, less, another one, or two that changed places. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let steps = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (isSame ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) steps = Math.min(steps, before[j - 2]! + 1);
      next.push(steps);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}

/** The names that a mistyped one may have meant, the nearest first. */
export function nearest(word: string, names: readonly string[], most = 3): string[] {
  const wanted = word.toLowerCase().slice(0, 64);
  return names
    .map((name) => ({ name, steps: name.toLowerCase().startsWith(wanted) ? 1 : distance(wanted, name.toLowerCase()) }))
    .filter(({ name, steps }) => steps <= Math.max(1, Math.floor(Math.min(name.length, wanted.length) / 3)))
    .sort((a, b) => a.steps - b.steps)
    .slice(0, most)
    .map(({ name }) => name);
}

/** `; did you mean "a" or "b"?`, or nothing where no name is near. */
export function suggestion(word: string, names: readonly string[]): string {
  const near = nearest(word, names).map((name) => JSON.stringify(name));
  return near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`;
}
