// The same with the entry that has no HTTP. Usage: [how often]
import "../../session/mod.ts";
import { tellMemory, words } from "./program.mjs";

const [count] = words;
tellMemory(count);
