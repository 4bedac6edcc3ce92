// A program that does nothing. Usage: [how often]; after more than once it says what memory it holds, as the others do.
import { tellMemory, words } from "./program.mjs";

const [count] = words;
tellMemory(count);
