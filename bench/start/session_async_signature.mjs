// The same with the entry that has no HTTP. Usage: HOW OFTEN, MODULE, LABEL, PIN
import { CKM, CKO, Module } from "../../session/mod.ts";
import { signAsync } from "./sign.mjs";

await signAsync({ CKM, CKO, Module });
