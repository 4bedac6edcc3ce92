import { padded, type Painter, safeText, textWidth } from "./text.ts";

/** What stands between two columns, and before what stands below its row. */
const GAP = "  ";

/** A column: its title and what stands in it, row by row. */
export interface Column<R> {
  /** The title. */
  readonly title: string;
  /** What stands in a row, as text of anybody's. */
  value(row: R): string;
}

/**
 * Rows below titles, columns side by side; a column that is empty in every row is left out. The last column is never
 * padded, so that a long URI in it can be selected as a whole; where it does not fit beside the others, it stands on a line
 * of its own.
 *
 * @param width Columns of the terminal; `undefined` where there are none.
 */
export function tableText<R>(
  paint: Painter,
  width: number | undefined,
  rows: readonly R[],
  columns: readonly Column<R>[],
): string {
  const filled = columns
    .map(({ title, value }) => ({ title, cells: rows.map((row) => safeText(value(row))) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ""));
  const widths = filled.map(({ title, cells }) => Math.max(textWidth(title), ...cells.map(textWidth)));
  const isTooWide = widths.reduce((sum, each) => sum + each + GAP.length, -GAP.length) > (width ?? Infinity);
  const line = (cells: readonly string[], style: (text: string) => string) => {
    const last = cells.length - 1;
    const beside = cells.slice(0, last).map((cell, at) => style(padded(cell, widths[at]!)));
    if (!isTooWide || last === 0) return [...beside, style(cells[last]!)].join(GAP).trimEnd();
    return beside.join(GAP).trimEnd() + (cells[last] === "" ? "" : `\n${GAP}${style(cells[last]!)}`);
  };
  const head = line(filled.map(({ title }) => title), (text) => paint("bold", text));
  const body = rows.map((_row, at) => line(filled.map(({ cells }) => cells[at]!), (text) => text));
  return [head, ...body].map((text) => `${text}\n`).join("");
}

/** Names and what they hold, one a line. */
export function listText(entries: readonly (readonly [name: string, value: string])[], paint: Painter): string {
  const width = Math.max(0, ...entries.map(([name]) => textWidth(name)));
  return entries.map(([name, value]) => `${paint("bold", padded(name, width))}  ${safeText(value)}\n`).join("");
}
