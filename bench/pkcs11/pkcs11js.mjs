// The rates of pkcs11js, the compiled addon; runs on Deno, Bun and Node.
import process from "node:process";
import { open, packageOf } from "./pkcs11js_rows.mjs";

const [path, label, pin, time] = process.argv.slice(2);
const seconds = Number(time);
const { asyncRows, close, rows } = open(await packageOf("addon"), path, label, pin);

function run(time, call) {
  let count = 0;
  const start = performance.now();
  let end = start;
  do {
    call();
    count++;
    end = performance.now();
  } while (end - start < time * 1000);
  return count / (end - start) * 1000;
}

async function runAsync(time, loops) {
  let made = 0;
  const start = performance.now();
  const end = start + time * 1000;
  await Promise.all(loops.map(async (call) => {
    while (performance.now() < end) {
      await call();
      made++;
    }
  }));
  return made / (performance.now() - start) * 1000;
}

const rates = {};
for (const [name, call] of Object.entries(rows)) {
  run(seconds / 2, call);
  rates[name] = run(seconds, call);
}
for (const [name, loops] of Object.entries(asyncRows)) {
  await runAsync(seconds / 2, loops);
  rates[name] = await runAsync(seconds, loops);
}
process.stdout.write(`${JSON.stringify(rates)}\n`);
close();
