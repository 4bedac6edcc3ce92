// The first signature of a program that does not block. Usage: HOW OFTEN, MODULE, LABEL, PIN
import { CKM, CKO, Module } from "../../mod.ts";
import { signAsync } from "./sign.mjs";

await signAsync({ CKM, CKO, Module });
