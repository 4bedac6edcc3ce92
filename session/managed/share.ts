/**
 * What another worker thread needs to join the callers of a module: pass it through `postMessage` or `workerData`, and
 * give it to `Module.load(share.path, { share })` there.
 */
export interface ModuleShare {
  /** The library's path. */
  readonly path: string;
  /** Who counts the callers. */
  readonly managed: "p11-kit" | "gp11";
  /** The count itself, in memory all threads see. */
  readonly memory: SharedArrayBuffer;
}
