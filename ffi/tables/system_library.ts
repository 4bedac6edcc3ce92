/** Where the system keeps its libraries. */
import { machineName, platform, processorName } from "../../internal/runtime.ts";

/** A library's file name on each system. */
export interface LibraryNames {
  /** On Linux and other systems with ELF. */
  readonly elf: string;
  /** On macOS. */
  readonly macos: string;
  /** On Windows. */
  readonly windows: string;
}

/** The paths a library of the system may have, most likely first; `system` is named as in `process.platform`. */
export function systemLibraryPaths({ elf, macos, windows }: LibraryNames, system: string = platform): string[] {
  if (system === "win32") return [windows];
  if (system === "darwin") return ["/opt/homebrew/lib", "/usr/local/lib"].map((folder) => `${folder}/${macos}`);
  const triplet = `${machineName}-linux-gnu${processorName === "arm" ? "eabihf" : ""}`;
  return [`/usr/lib/${triplet}`, `/lib/${triplet}`, "/usr/lib64", "/usr/lib"].map((folder) => `${folder}/${elf}`);
}
