// The first request of a program, or so many of them. Usage: HOW OFTEN, URL
import { HttpSession } from "../../mod.ts";
import { tellMemory, words } from "./program.mjs";

const [count, url] = words;
const session = new HttpSession();
for (let i = 0; i < Number(count); i++) await (await session.fetch(url)).text();
await session.close();
tellMemory(count);
