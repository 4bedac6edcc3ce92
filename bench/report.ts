// The tables of a run: shown to people as they come, kept for those who want them as data.
import { say } from "../tools/say.ts";
import { table } from "./table.ts";

/** A line of a table: what was measured, and its figure in each column; null where there is none. */
export interface BenchRow {
  readonly name: string;
  readonly cells: readonly (number | null)[];
}

/** A table of a bench. */
export interface BenchTable {
  /** Names the table in data, and its picture: of small letters and hyphens. */
  readonly name: string;
  readonly title: string;
  /** What the cells count, such as "ratio to C" or "µs per call". */
  readonly unit: string;
  readonly columns: readonly string[];
  readonly rows: readonly BenchRow[];
  /** Digits behind the point. */
  readonly digits: number;
  /**
   * How it is drawn: bars for each row beside each other; lines over the numbers that the rows are named by; nothing for
   * tables whose rows have units of their own.
   */
  readonly plot?: "bars" | "lines";
  /** What the others are ratios to, as it was counted. */
  readonly base?: { readonly column: string; readonly cells: readonly (number | null)[] };
}

const tables: BenchTable[] = [];

/** Prints a table and keeps it. */
export function report(result: BenchTable): void {
  tables.push(result);
  say(`\n${result.title}`);
  say(table(["", ...headOf(result)], linesOf(result)));
}

/** The tables of this run, in their order. */
export function reported(): readonly BenchTable[] {
  return tables;
}

/** The titles above the figures. */
export function headOf({ base, columns }: BenchTable): string[] {
  return [...base === undefined ? [] : [base.column], ...columns];
}

/** The lines of a table as text. */
export function linesOf({ base, digits, rows }: BenchTable): string[][] {
  return rows.map(({ name, cells }, index) => {
    const counted = base?.cells[index];
    return [
      name,
      ...base === undefined ? [] : [counted == null ? "" : Math.round(counted).toLocaleString("en-US")],
      ...cells.map((cell) => cell?.toFixed(digits) ?? ""),
    ];
  });
}
