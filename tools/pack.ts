// deno task pack: the npm packages, as the registry would get them: @gp11/gp11, and gp11-pkcs11js for packages that require
// pkcs11js.
//
//   deno task pack            into dist/
//   deno task pack FOLDER     into another folder
import { mkdirSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { writeGp11Package } from "./packages/gp11.ts";
import { writePkcs11jsPackage } from "./packages/pkcs11js.ts";
import { folderArgument } from "./folder_argument.ts";
import { run } from "./runner/process.ts";
import { say } from "./say.ts";

/** The archives of the packages. */
export interface PackedPackages {
  /** @gp11/gp11. */
  readonly gp11: string;
  /** gp11-pkcs11js. */
  readonly pkcs11js: string;
}

/** Makes the packages in a folder and answers the paths of their archives. */
export async function pack(folder: string): Promise<PackedPackages> {
  const work = await Deno.makeTempDir({ prefix: "gp11-pack-" });
  try {
    await writeGp11Package(join(work, "gp11"));
    await writePkcs11jsPackage(join(work, "pkcs11js"));
    const [gp11, pkcs11js] = await archives([join(work, "gp11"), join(work, "pkcs11js")], resolve(folder));
    return { gp11: gp11!, pkcs11js: pkcs11js! };
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Makes an archive of each package; npm names them. No script of theirs runs. */
export async function archives(packages: readonly string[], folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", folder, ...packages];
  const { code, output } = await run(command, { timeoutMs: 120_000 });
  if (code !== 0) throw new Error(`Cannot make the packages: npm pack ended with ${code}\n${output}`);
  return output.trim().split("\n").slice(-packages.length).map((name) => join(folder, name));
}

if (import.meta.main) {
  for (const path of Object.values(await pack(folderArgument("pack", "dist")))) {
    say(`${path}: ${(statSync(path).size / 1024).toFixed(0)} KiB`);
  }
}
