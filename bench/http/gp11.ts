// This library and the runtime's own fetch, read in the same way. Usage: WHICH URL SECONDS IN_FLIGHT...
import process from "node:process";
import { HttpSession, TlsDatabase } from "../../http/mod.ts";
import { countBytes, report } from "./rates.mjs";

const [which, url] = process.argv.splice(2, 1).concat(process.argv[2] ?? "");
if (!url) throw new Error("Usage: fetch|gp11|gp11-queue URL SECONDS IN_FLIGHT...");
const large = new URL("large.bin", url).href;
if (which === "fetch") {
  await report(
    async () => (await (await fetch(url)).bytes()).length,
    async () => await countBytes(await fetch(large)),
  );
} else {
  const { AUTHORITY } = process.env;
  const tlsDatabase = AUTHORITY === undefined ? null : TlsDatabase.fromPem(AUTHORITY);
  await using session = new HttpSession({ maxConns: 64, maxConnsPerHost: 64, tlsDatabase });
  await report(
    async () => (await (await session.fetch(url)).bytes()).length,
    async () => await countBytes(await session.fetch(large)),
  );
}
