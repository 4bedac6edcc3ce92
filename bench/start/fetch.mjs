// The first request over the runtime's own fetch. Usage: HOW OFTEN, URL
import { tellMemory, words } from "./program.mjs";

const [count, url] = words;
for (let i = 0; i < Number(count); i++) await (await fetch(url)).text();
tellMemory(count);
