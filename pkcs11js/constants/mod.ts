/** Every constant that pkcs11js exports. */
export * from "./cka.ts";
export * from "./ckm.ts";
export * from "./ckr.ts";
export * from "./others.ts";
export * from "./params.ts";
