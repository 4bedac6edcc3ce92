// A program that imports the library and does nothing with it: what reading its text takes. Usage: [how often]
import "../../mod.ts";
import { tellMemory, words } from "./program.mjs";

const [count] = words;
tellMemory(count);
