// Writes the names that the entries export now into tests/project/public_surface.json: run it when a change of them is meant.
import { entries, publicNames } from "../tests/_support/public_names.ts";

const surface = Object.fromEntries(
  Object.entries(entries).map(([entry, file]) => [entry, [...publicNames(file).keys()].sort()]),
);
Deno.writeTextFileSync("tests/project/public_surface.json", `${JSON.stringify(surface, null, 2)}\n`);
