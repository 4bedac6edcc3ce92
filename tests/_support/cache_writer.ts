// Stores and replaces responses without end and says after each that it is kept, until it is killed.
import { writeSync } from "node:fs";
import process from "node:process";
import { CacheFileStore } from "../../http/features/cache/file_store.ts";
import { recordOf } from "./cache_record.ts";

const [path, first] = process.argv.slice(2);
const store = new CacheFileStore(path!);
for (let step = Number(first);; step++) {
  const writer = store.open();
  for (let piece = 0; piece < 4; piece++) writer.write(new TextEncoder().encode(`${step} `.repeat(500)));
  writer.commit(recordOf(`http://origin.example/${step % 20}`, String(step)));
  writer.discard();
  writeSync(1, `${step}\n`);
}
