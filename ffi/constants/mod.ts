/** The standard's numbers, their names and what return values mean. */
export { CKA } from "./cka.ts";
export { CKF } from "./ckf.ts";
export { CKC, CKH, CKK, CKN, CKO, CKS, CKT, CKU, CKV } from "./objects.ts";
export { CKM } from "./ckm.ts";
export {
  ckaName,
  ckcName,
  ckfNames,
  ckkName,
  ckmName,
  ckoName,
  type CkrName,
  ckrName,
  cksName,
  ckuName,
  type FlagsKind,
  mechanismByName,
} from "./names.ts";
export type { AttributeType, Flavor, KeyType, MechanismType, ObjectClass, UserType } from "./flavor.ts";
export { ckrHint, ckrMessage } from "./ckr_messages.ts";
export { CKR } from "./ckr.ts";
export {
  CK,
  CK_EFFECTIVELY_INFINITE,
  CK_FALSE,
  CK_INVALID_HANDLE,
  CK_TRUE,
  CKD,
  CKG,
  CKP,
  CKZ,
  unavailableInformation,
  VENDOR_DEFINED,
} from "./parameters.ts";
