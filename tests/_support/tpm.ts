// A TPM 2.0 in software with its resource manager, and tpm2-pkcs11 on it: a folder, two ports and a bus of their own.
import type { ChildProcess } from "node:child_process";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { programPath, tpm2Pkcs11Path } from "../../tools/native_libraries.ts";
import { setNativeEnvironment } from "./native_environment.ts";
import { freePort, spawnServer, stopServer, untilListening, untilReady } from "./server_programs.ts";
import { temporaryFolder } from "./temporary_folder.ts";

/** A running TPM. */
export interface Tpm extends AsyncDisposable {
  /** The path of tpm2-pkcs11, which finds the TPM by this process's environment. */
  readonly module: string;
}

const programs = ["swtpm", "dbus-daemon", "dbus-send", "tpm2-abrmd"];

/** Why there is no TPM to test with, else false. */
export const tpmSkip: string | false = process.platform !== "linux"
  ? "a TPM in software is brought up on Linux only"
  : tpm2Pkcs11Path() === null || programs.some((name) => programPath(name) === null)
  ? "swtpm, tpm2-abrmd or tpm2-pkcs11 is not installed"
  : false;

/** Starts a TPM. No wrong PIN more than two for each: the third within a quarter of an hour locks it. */
export async function startTpm(): Promise<Tpm> {
  const folder = temporaryFolder("tpm");
  for (const name of ["state", "store"]) mkdirSync(`${folder}/${name}`);
  const children: ChildProcess[] = [];
  const stop = async () => {
    for (const child of children.splice(0).reverse()) await stopServer(child);
  };
  try {
    const port = await startSwtpm(folder, children);
    const bus = `unix:path=${folder}/bus`;
    children.push(spawnServer(programPath("dbus-daemon")!, ["--session", "--nofork", `--address=${bus}`]));
    await untilListening(`${folder}/bus`, children.at(-1)!);
    setNativeEnvironment("DBUS_SESSION_BUS_ADDRESS", bus);
    // The simulator has room for three objects and serves one connection: the resource manager stands between.
    const manager = ["--session", "--max-transients=100", `--tcti=swtpm:host=127.0.0.1,port=${port}`];
    if (process.getuid?.() === 0) manager.push("--allow-root");
    children.push(spawnServer(programPath("tpm2-abrmd")!, manager));
    await untilReady("the resource manager", children.at(-1)!, isManaged);
  } catch (error) {
    await stop();
    throw error;
  }
  setNativeEnvironment("TPM2_PKCS11_TCTI", "tabrmd:bus_type=session");
  setNativeEnvironment("TPM2_PKCS11_STORE", `${folder}/store`);
  setNativeEnvironment("TSS2_LOG", "all+NONE");
  return { module: tpm2Pkcs11Path()!, [Symbol.asyncDispose]: stop };
}

/** Starts swtpm on two ports that follow each other, as tpm2-tss wants them; others may take one in between, and it ends then. */
async function startSwtpm(folder: string, children: ChildProcess[]): Promise<number> {
  for (let attempt = 1;; attempt++) {
    const port = await freePort(2);
    const child = spawnServer(programPath("swtpm")!, [
      ...["socket", "--tpm2", "--tpmstate", `dir=${folder}/state`, "--flags", "not-need-init,startup-clear"],
      ...["--server", `type=tcp,port=${port},bindaddr=127.0.0.1`],
      ...["--ctrl", `type=tcp,port=${port + 1},bindaddr=127.0.0.1`],
    ]);
    children.push(child);
    try {
      await untilReady("the TPM", child, () => listens(port) && listens(port + 1));
      return port;
    } catch (error) {
      if (attempt === 5 || child.exitCode === null) throw error;
    }
  }
}

/** Whether somebody listens on a port. Connecting would take the one connection that swtpm serves. */
function listens(port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return readFileSync("/proc/net/tcp", "latin1").includes(`0100007F:${hex} 00000000:0000 0A`);
}

function isManaged(): boolean {
  const question = ["org.freedesktop.DBus.NameHasOwner", "string:com.intel.tss2.Tabrmd"];
  const bus = ["--session", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"];
  return execFileSync(programPath("dbus-send")!, [...bus, ...question], { env: process.env }).includes("true");
}
