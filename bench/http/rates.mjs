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

/** Times `get` at each level and prints the rates; `download`, where given, resolves with the bytes it read. */
export async function report(get, download) {
  const [seconds, ...levels] = process.argv.slice(3).map(Number);
  const rates = {};
  // Compilers take a second or two with everything that is more than one call into the runtime.
  await rate(get, 10, 4 * seconds);
  for (const level of levels) {
    await rate(get, level, seconds / 2);
    rates[`GET, ${level} in flight`] = await rate(get, level, seconds);
  }
  if (download) {
    await download();
    const start = performance.now();
    const bytes = await download();
    if (bytes !== 100 * 1024 * 1024) throw new Error(`Cannot measure: a download of ${bytes} bytes`);
    rates["100 MiB, MiB per second"] = 100_000 / (performance.now() - start);
  }
  process.stdout.write(`${JSON.stringify(rates)}\n`);
}

/** Reads a body chunk by chunk and counts its bytes. */
export async function countBytes(response) {
  let bytes = 0;
  for await (const chunk of response.body) bytes += chunk.length;
  return bytes;
}
