// What each program of this benchmark does alike. On Deno nothing of Node is touched: that costs what is measured.

/** The words behind the program's name. */
export const words = globalThis.Deno?.args ?? process.argv.slice(2);

/** Says what memory the program holds, in MiB, where it did its work more than once. */
export function tellMemory(count) {
  // deno-lint-ignore no-console
  if (Number(count) > 1) console.log((globalThis.Deno ?? process).memoryUsage().rss / 2 ** 20);
}
