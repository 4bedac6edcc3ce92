// Draws tables of the benchmark as pictures. Copied beside its packages before it runs. Usage: DATA FOLDER
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import * as vega from "vega";
import { compile } from "vega-lite";

const [data, folder] = process.argv.slice(2);
const schema = "https://vega.github.io/schema/vega-lite/v6.json";
/** Readable on white and on a dark page. */
const look = { background: "#ffffff", font: "sans-serif", axis: { labelLimit: 300 }, legend: { title: null } };

/** Every figure with its row and column. */
function figures({ columns, rows }) {
  return rows.flatMap(({ cells, name }) =>
    cells.flatMap((value, index) => value === null ? [] : [{ row: name, column: columns[index], value }])
  );
}

/** Bars of each row beside each other; where they are ratios, a line at 1. */
function bars(table) {
  const isRatio = table.unit.startsWith("ratio");
  const bar = {
    mark: { type: "bar" },
    encoding: {
      x: { field: "value", type: "quantitative", title: table.unit },
      y: { field: "row", type: "nominal", sort: null, title: null },
      yOffset: { field: "column", type: "nominal", sort: null },
      color: { field: "column", type: "nominal", sort: table.columns },
    },
  };
  const one = { data: { values: [{}] }, mark: { type: "rule", strokeDash: [4, 4] }, encoding: { x: { datum: 1 } } };
  return { width: 480, height: { step: 9 }, layer: isRatio ? [bar, one] : [bar] };
}

/** A line for each column over the numbers the rows are named by. */
function lines(table) {
  return {
    width: 480,
    height: 260,
    transform: [{ calculate: "toNumber(datum.row)", as: "count" }],
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "count", type: "quantitative", scale: { type: "log" }, title: table.name.replace("-", " ") },
      y: { field: "value", type: "quantitative", scale: { zero: true }, title: `${table.unit} for each` },
      color: { field: "column", type: "nominal", sort: table.columns },
    },
  };
}

const shapes = { bars, lines };
for (const table of JSON.parse(readFileSync(data, "utf8"))) {
  if (table.plot === undefined) continue;
  const { spec } = compile({
    ...{ $schema: schema, config: look, title: table.title, data: { values: figures(table) } },
    ...shapes[table.plot](table),
  });
  const svg = await new vega.View(vega.parse(spec), { renderer: "none" }).toSVG();
  writeFileSync(`${folder}/${table.name}.svg`, `${svg}\n`);
}
