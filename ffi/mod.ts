/**
 * The native floor: the raw PKCS#11 table by its C names, C shapes and the call engine.
 *
 * @module
 */
export {};
