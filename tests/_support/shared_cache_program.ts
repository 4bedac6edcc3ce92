// A process that asks for the same few resources again and again through a cache that others have, too.
// Arguments: the cache's file or Redis server, the origin, requests, resources. Writes "begun" and then, at the end, a JSON object.
import process from "node:process";
import { CacheRedisStore, CacheSqliteStore, HttpCache, HttpSession } from "../../http/mod.ts";

const [path, origin, requests, resources] = process.argv.slice(2);
const store = path!.includes(":") ? new CacheRedisStore({ url: path }) : new CacheSqliteStore(path!);
const cache = new HttpCache({ store });
const session = new HttpSession({ features: [cache] });
const errors: string[] = [];
cache.addEventListener("store-error", ({ error }) => errors.push(String(error)));
const torn: string[] = [];
let failed = 0;
let next = 0;
process.stdout.write("begun\n");
await Promise.all(Array.from({ length: 8 }, async () => {
  while (next < Number(requests)) {
    const resource = next++ % Number(resources);
    try {
      const response = await session.fetch(`${origin}/${resource}`);
      const from = `${response.status} ${response.headers.has("age") ? "of the cache" : "of the server"}`;
      const body = new Uint8Array(await response.arrayBuffer());
      // A body is one byte all over, and as long as the resource's number says.
      const wrong = body.findIndex((byte) => byte !== resource);
      if (response.status === 200 && body.length === lengthOf(resource) && wrong < 0) continue;
      torn.push(`${resource}: ${from}, ${body.length} bytes, ${wrong}`);
    } catch {
      failed++;
    }
  }
}));
process.stdout.write(`${JSON.stringify({ done: next, torn, failed, errors })}\n`);
await session.close();
await cache.close();

/** As long as the origin of the test makes them: empty, small, and one of several pieces. */
function lengthOf(resource: number): number {
  return resource === 7 ? 1_200_000 : resource * 1000;
}
