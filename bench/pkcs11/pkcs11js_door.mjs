// ./pkcs11js against the addon whose names it has, in turns of a few milliseconds in one process, over one module: of two
// copies of a library the one that is opened first is slower by up to three hundredths, whoever calls it. Prints a ratio
// for each row, more is better for the door: by the clock, and by what the processor has worked for this process, which
// says something on a busy machine too. Runs on Deno, Bun and Node.
import process from "node:process";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";

// Each side has the rows' code for itself: what the runtime learns of one must not slow down the other.
const [doorRows, addonRows] = [await import("./pkcs11js_rows.mjs?door"), await import("./pkcs11js_rows.mjs?addon")];
const [path, label, pin, time, only] = process.argv.slice(2);
/** What a turn takes, in milliseconds. */
const TURN = 8;
/** How long both are called before. */
const WARM_UP = 400;
/** How long what asynchronous calls have in common. */
const WARM_UP_ASYNC = 3000;
const turns = Math.ceil(Number(time) * 1000 / TURN / 2);
// The module is bound to the OpenSSL that it was built for. Node exports its own, which the addon's module would take by
// itself: it signs faster or slower then, whatever is between it and the program.
nativeRuntime().open(path);
const door = doorRows.open(await doorRows.packageOf("door"), path, label, pin, "door");
const addon = addonRows.open(await addonRows.packageOf("addon"), path, label, pin, "addon");

function worked() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Milliseconds of clock and processor that a call took, over so many calls at least. */
function turn(call, calls) {
  const [start, before] = [performance.now(), worked()];
  for (let each = 0; each < calls; each++) call();
  return { clock: (performance.now() - start) / calls, processor: (worked() - before) / calls };
}

async function turnAsync(loops, calls) {
  const [start, before] = [performance.now(), worked()];
  await Promise.all(loops.map(async (call) => {
    for (let each = 0; each < calls; each++) await call();
  }));
  return { clock: (performance.now() - start) / calls, processor: (worked() - before) / calls };
}

const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const sum = (values) => values.reduce((all, each) => all + each, 0);

/**
 * Calls both for so long, so that the runtime has compiled them before anything counts.
 *
 * @returns Milliseconds of clock that a call of the addon takes where the system does not interrupt it.
 */
async function warmUp(run, doorCalls, addonCalls, milliseconds) {
  let fastest = Infinity;
  for (const end = performance.now() + milliseconds; performance.now() < end;) {
    await run(doorCalls, 5);
    fastest = Math.min(fastest, (await run(addonCalls, 5)).clock);
  }
  return fastest;
}

async function compare(name, run, doorCalls, addonCalls) {
  const clock = await warmUp(run, doorCalls, addonCalls, WARM_UP);
  const count = Math.max(1, Math.round(TURN / clock));
  const times = [];
  for (let each = 0; each < turns; each++) {
    times.push(
      each % 2 === 0
        ? { door: await run(doorCalls, count), addon: await run(addonCalls, count) }
        : { addon: await run(addonCalls, count), door: await run(doorCalls, count) },
    );
  }
  ratios[name] = middle(times.map(({ addon, door }) => addon.clock / door.clock));
  ratios[`${name}, processor`] = sum(times.map(({ addon }) => addon.processor)) /
    sum(times.map(({ door }) => door.processor));
}

const ratios = {};
for (const name of Object.keys(door.rows)) {
  if (only && !name.includes(only)) continue;
  await compare(name, (call, count) => turn(call, count), door.rows[name], addon.rows[name]);
}
// What asynchronous calls have in common is compiled after thousands of them: of long ones a warm-up has some hundred.
const quickest = "HMAC-SHA256 32 B, async, 8 sessions";
await warmUp(turnAsync, door.asyncRows[quickest], addon.asyncRows[quickest], WARM_UP_ASYNC);
for (const name of Object.keys(door.asyncRows)) {
  // One call at a time is two changes of thread, and what they cost is the machine's: the table of pkcs11 has it.
  if (name.endsWith(", 1 session")) continue;
  if (only && !name.includes(only)) continue;
  await compare(name, turnAsync, door.asyncRows[name], addon.asyncRows[name]);
}
process.stdout.write(`${JSON.stringify(ratios)}\n`);
addon.close();
door.close();
