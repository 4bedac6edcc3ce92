import { padded, type Painter, safeText, textWidth } from "./text.ts";

/** A column: its title and what stands in it, row by row. */
export interface Column<R> {
  /** The title. */
  readonly title: string;
  /** What stands in a row, as text of anybody's. */
  value(row: R): string;
}

/**
 * Rows below titles, columns side by side. The last column is never padded, so that a long URI in it can be selected as a
 * whole; a column that is empty in every row is left out.
 */
export function tableText<R>(rows: readonly R[], columns: readonly Column<R>[], paint: Painter): string {
  const filled = columns
    .map(({ title, value }) => ({ title, cells: rows.map((row) => safeText(value(row))) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ""));
  const widths = filled.map(({ title, cells }) => Math.max(textWidth(title), ...cells.map(textWidth)));
  const line = (cells: readonly string[], style: (text: string) => string) =>
    cells.map((cell, at) => style(at === cells.length - 1 ? cell : padded(cell, widths[at]!))).join("  ").trimEnd();
  const head = line(filled.map(({ title }) => title), (text) => paint("bold", text));
  const body = rows.map((_row, at) => line(filled.map(({ cells }) => cells[at]!), (text) => text));
  return [head, ...body].map((text) => `${text}\n`).join("");
}

/** Names and what they hold, one a line. */
export function listText(entries: readonly (readonly [name: string, value: string])[], paint: Painter): string {
  const width = Math.max(0, ...entries.map(([name]) => textWidth(name)));
  return entries.map(([name, value]) => `${paint("bold", padded(name, width))}  ${safeText(value)}\n`).join("");
}
