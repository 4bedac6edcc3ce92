/** How a module begins and ends for its callers. */
import { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import type { Program } from "../../ffi/engine/program.ts";
import { FN, type Frame } from "../../ffi/engine/frame.ts";
import { CKR } from "../../ffi/constants/mod.ts";
import { initialize } from "../../ffi/operations/modules.ts";
import { Pkcs11Error } from "../errors.ts";
import type { Callers } from "./callers.ts";

/** C_Initialize, answering its CK_RV; a module that cannot lock is begun without locking and called one at a time. */
export function* beginModule(frame: Frame, callers: Callers, reserved: string | null): Program<number> {
  let rv = yield* initialize(frame, { reserved, locking: true });
  if (rv === CKR.CANT_LOCK && callers.callLock !== null) {
    rv = yield* initialize(frame, { reserved, locking: false });
    if (rv === CKR.OK) callers.oneAtATime = true;
  }
  takeTurns(frame, callers);
  return rv;
}

/** Calls the module one at a time if whoever has initialised it found out that it cannot lock. */
export function takeTurns(frame: Frame, callers: Callers): void {
  if (callers.oneAtATime && callers.callLock !== null) frame.table.callOneAtATime(callers.callLock);
}

/**
 * C_Finalize of all the callers whose turn it is, some of whom have gone before.
 *
 * @throws {Pkcs11Error} when one fails; the others are made all the same
 */
export function* finalizeDue(frame: Frame, lists: readonly bigint[]): Program<void> {
  let problem: number = CKR.OK;
  for (const list of lists) {
    const table = list === frame.table.address ? frame.table : Cryptoki.fromFunctionList(list);
    const fn = table.at(FN.C_Finalize);
    if (fn === null) continue;
    const rv = yield [{ fn, args: [0n] }];
    if (problem === CKR.OK && (rv !== CKR.CRYPTOKI_NOT_INITIALIZED || table === frame.table)) problem = rv;
  }
  if (problem !== CKR.OK) throw new Pkcs11Error(problem, "C_Finalize");
}
