// A program that leaves responses of every kind unread and its session open, and ends by itself.
import process from "node:process";
import { HttpSession } from "../../http/mod.ts";

const [origin] = process.argv.slice(2) as [string];
const session = new HttpSession({ maxConns: 40, maxConnsPerHost: 40 });
const many = (path: string) => Promise.all(Array.from({ length: 10 }, () => session.fetch(origin + path)));
await Promise.all((await many("/ok")).map((response) => response.text()));
const kept: unknown[] = [await many("/ok"), await many("/big"), await session.fetch(`${origin}/endless`)];
const reader = (await session.fetch(`${origin}/endless`)).body!.getReader();
kept.push(reader, await reader.read());
process.on("exit", () => kept.length = 0);
process.stdout.write("done\n");
