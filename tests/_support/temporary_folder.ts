// Folders that go away with the test process.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";

/** Makes a folder under the system's temporary one; it is removed when the process, or Deno's test file, ends. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(`${tmpdir()}/gp11-${name}-`);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.on("exit", remove);
  // Deno ends a test file by unloading it, without an "exit" event.
  globalThis.addEventListener?.("unload", remove);
  return folder;
}
