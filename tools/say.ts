/** Prints a line: the one place where the tools write to the terminal. */
export function say(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}
