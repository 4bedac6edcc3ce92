/** The standard's numbers, their names and what return values mean. */
export { CKA } from "./cka.ts";
export { CKF } from "./ckf.ts";
export { CKK } from "./ckk.ts";
export { CKM } from "./ckm.ts";
export { ckfNames, type FlagsKind } from "./flag_names.ts";
export type { AttributeType, Flavor, KeyType, MechanismType, ObjectClass, UserType } from "./flavor.ts";
export { ckrHint, ckrMessage } from "./ckr_messages.ts";
export { CKR } from "./ckr.ts";
export { mechanismByName } from "./mechanism_by_name.ts";
export { ckaName, ckcName, ckkName, ckmName, ckoName, ckrName, cksName, ckuName } from "./names.ts";
export type { CkrName } from "./names.ts";
export { CKC, CKH, CKN, CKO, CKS, CKT, CKU, CKV } from "./objects.ts";
export { CK, CKD, CKG, CKP, CKZ } from "./parameters.ts";
export {
  CK_EFFECTIVELY_INFINITE,
  CK_FALSE,
  CK_INVALID_HANDLE,
  CK_TRUE,
  unavailableInformation,
  VENDOR_DEFINED,
} from "./values.ts";
