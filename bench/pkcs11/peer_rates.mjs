// How JavaScript peers of the PKCS#11 benchmark are timed: as this library is.
import process from "node:process";
import { rate, rateAsync } from "./rows.ts";

/** Prints calls per second of each row, and of those that make several calls at once. */
export async function printRates(seconds, rows, asyncRows = {}) {
  const rates = {};
  for (const [name, call] of Object.entries(rows)) rates[name] = rate(seconds, call);
  for (const [name, loops] of Object.entries(asyncRows)) rates[name] = await rateAsync(seconds, loops);
  process.stdout.write(`${JSON.stringify(rates)}\n`);
}
