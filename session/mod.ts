/**
 * PKCS#11 modules, slots, sessions and objects.
 *
 * @module
 */
export {};
