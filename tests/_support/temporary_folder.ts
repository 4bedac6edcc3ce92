// Folders that go away with the test process.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";

const folders: string[] = [];

function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** Makes a folder under the system's temporary one; it is removed when the process, or Deno's test file, ends. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(`${tmpdir()}/gp11-${name}-`);
  // One listener for all folders: Node warns of the eleventh.
  if (folders.push(folder) === 1) {
    process.once("exit", removeFolders);
    // Deno ends a test file by unloading it, without an "exit" event.
    globalThis.addEventListener?.("unload", removeFolders, { once: true });
  }
  return folder;
}
