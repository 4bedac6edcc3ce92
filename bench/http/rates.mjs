// How the contestants of the HTTP benchmark time themselves; plain JavaScript, as it also runs beside the peers' packages.
import process from "node:process";

/** Requests per second with so many in flight. */
async function rate(get, inFlight, seconds) {
  let count = 0;
  const start = performance.now();
  const end = start + seconds * 1000;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (performance.now() < end) {
      const length = await get();
      if (length !== 13) throw new Error(`Cannot measure: a body of ${length} bytes`);
      count++;
    }
  }));
  return count / (performance.now() - start) * 1000;
}

/** Milliseconds of a download of 100 MiB. */
async function timeOf(download) {
  const start = performance.now();
  const bytes = await download();
  if (bytes !== 100 * 1024 * 1024) throw new Error(`Cannot measure: a download of ${bytes} bytes`);
  return performance.now() - start;
}

/**
 * Repeats what gives the costs of some contestants until none of them has become less for `calm` times, or it has been done
 * `most` times. Others at work make a slice dearer and never cheaper, so the least is what counts. JavaScriptCore, above all,
 * compiles for some ten thousand requests what is more than one call into the runtime.
 */
export async function settle(slice, { calm = 4, most = 20 } = {}) {
  const least = [];
  for (let count = 0, same = 0; count < most && same < calm; count++) {
    same++;
    for (const [index, cost] of (await slice()).entries()) {
      if (cost > 0.97 * (least[index] ?? Infinity)) continue;
      least[index] = cost;
      same = 0;
    }
  }
}

/** What has settled at one level has for the most part at the others, too. */
const afterwards = { calm: 1, most: 4 };

/** Times `get` at each level and prints the rates; `download`, where given, resolves with the bytes it read. */
export async function report(get, download) {
  const [seconds, ...levels] = process.argv.slice(3).map(Number);
  const rates = {};
  const slice = (level) => async () => [1 / await rate(get, level, seconds / 2)];
  await settle(slice(levels[levels.length >> 1]));
  for (const level of levels) {
    await settle(slice(level), afterwards);
    rates[`GET, ${level} in flight`] = await rate(get, level, 2 * seconds);
  }
  if (download) {
    const time = () => timeOf(download);
    await settle(async () => [await time()], { calm: 2, most: 5 });
    const times = [await time(), await time(), await time()].sort((a, b) => a - b);
    rates["100 MiB, MiB per second"] = 100_000 / times[1];
  }
  process.stdout.write(`${JSON.stringify(rates)}\n`);
}

/** Reads a body chunk by chunk and counts its bytes. */
export async function countBytes(response) {
  let bytes = 0;
  for await (const chunk of response.body) bytes += chunk.length;
  return bytes;
}
