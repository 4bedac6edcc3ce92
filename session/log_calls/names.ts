import * as names from "../../ffi/constants/names.ts";
import { constantName, hex } from "./values.ts";

/** Name of an attribute type. */
export function ckaName(type: bigint): string {
  return constantName(names.ckaName, "CKA", type);
}

/** Name of a mechanism type. */
export function ckmName(type: bigint): string {
  return constantName(names.ckmName, "CKM", type);
}

/** Name of a return value. */
export function ckrName(rv: bigint): string {
  return constantName(names.ckrName, "CKR", rv);
}

/** Name of a session state. */
export function cksName(state: bigint): string {
  return constantName(names.cksName, "CKS", state);
}

/** Name of a user type. */
export function ckuName(user: bigint): string {
  return constantName(names.ckuName, "CKU", user);
}

/** Name of an object class; libp11-kit writes an unknown one as a bare number. */
export function classNameOf(value: bigint): string {
  return bare(names.ckoName(value), value);
}

/** Name of a key type. */
export function keyTypeName(value: bigint): string {
  return bare(names.ckkName(value), value);
}

/** Name of a certificate type. */
export function certificateTypeName(value: bigint): string {
  return bare(names.ckcName(value), value);
}

function bare(name: string, value: bigint): string {
  return name.includes("_0x") ? hex(value) : name;
}
