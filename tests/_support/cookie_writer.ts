// Sets cookies without end and says after each that it is kept, until it is killed.
import { writeSync } from "node:fs";
import process from "node:process";
import { CookieJar } from "../../http/features/cookies/cookie_jar.ts";
import { CookieSqliteStore, CookieTextStore } from "../../http/features/cookies/cookie_stores.ts";

const [kind, path, first] = process.argv.slice(2);
const jar = new CookieJar({ store: kind === "text" ? new CookieTextStore(path!) : new CookieSqliteStore(path!) });
for (let step = Number(first);; step++) {
  jar.setCookie(`c${step % 50}=${step}; Max-Age=86400`, "https://www.example.com/");
  if (step % 7 === 0) jar.setCookie("gone=1; Max-Age=86400", "https://www.example.com/");
  if (step % 7 === 0) jar.setCookie("gone=; Max-Age=0", "https://www.example.com/");
  writeSync(1, `${step}\n`);
}
