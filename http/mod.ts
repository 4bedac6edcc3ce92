/**
 * HTTP sessions on the fetch of the runtime.
 *
 * @module
 */
export {};
