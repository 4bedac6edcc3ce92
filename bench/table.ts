// Tables for people.

/** A table with a head; the first column is aligned left, the others right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]) =>
    widths.map((width, i) => i === 0 ? (cells[i] ?? "").padEnd(width) : (cells[i] ?? "").padStart(width)).join("   ");
  return [line(head), ...rows.map(line)].join("\n");
}
