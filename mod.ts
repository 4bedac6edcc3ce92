/**
 * Keys that live in hardware, and HTTP done properly, for Deno and Bun.
 *
 * @module
 */
export * from "./session/mod.ts";
export * from "./http/mod.ts";
