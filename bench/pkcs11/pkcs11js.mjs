// The rates of pkcs11js, the compiled addon; runs on Deno, Bun and Node.
import process from "node:process";
import { printRates } from "./peer_rates.mjs";
import { open, packageOf } from "./pkcs11js_rows.mjs";

const [path, label, pin, seconds] = process.argv.slice(2);
const { asyncRows, close, rows } = open(await packageOf("addon"), path, label, pin, "bench");
await printRates(Number(seconds), rows, asyncRows);
close();
