// The first signature of a program, or so many of them. Usage: HOW OFTEN, MODULE, LABEL, PIN
import { CKM, CKO, Module } from "../../mod.ts";
import { sign } from "./sign.mjs";

sign({ CKM, CKO, Module });
