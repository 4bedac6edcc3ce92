// How JavaScript peers of the PKCS#11 benchmark are timed; plain JavaScript, as their packages lie outside the project.
import process from "node:process";

/** Prints calls per second of each row, and of those that make several calls at once; warmed up as this library's are. */
export async function printRates(seconds, rows, asyncRows = {}) {
  const rates = {};
  for (const [name, call] of Object.entries(rows)) {
    run(seconds, call);
    rates[name] = run(seconds, call);
  }
  for (const [name, loops] of Object.entries(asyncRows)) {
    await runAsync(4 * seconds, loops);
    rates[name] = await runAsync(seconds, loops);
  }
  process.stdout.write(`${JSON.stringify(rates)}\n`);
}

function run(seconds, call) {
  let count = 0;
  const start = performance.now();
  let end = start;
  do {
    call();
    count++;
    end = performance.now();
  } while (end - start < seconds * 1000);
  return count / (end - start) * 1000;
}

async function runAsync(seconds, loops) {
  let made = 0;
  const start = performance.now();
  const end = start + seconds * 1000;
  await Promise.all(loops.map(async (call) => {
    while (performance.now() < end) {
      await call();
      made++;
    }
  }));
  return made / (performance.now() - start) * 1000;
}
