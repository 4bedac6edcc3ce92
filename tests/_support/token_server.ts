// A token served by `p11-kit server` over a socket, in processes of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import process from "node:process";
import { p11KitModulePath, programPath, softhsmPath } from "../../tools/native_libraries.ts";
import type { TestToken } from "./softhsm.ts";
import { temporaryFolder } from "./temporary_folder.ts";

/** For `it(name, { skip: tokenServerSkip }, …)`: why no token can be served, else false. */
export const tokenServerSkip: string | false = softhsmPath() === null
  ? "SoftHSM2 is not installed"
  : p11KitModulePath("client") === null || programPath("p11-kit") === null
  ? "p11-kit's programs are not installed"
  : process.platform !== "linux"
  ? "needs Linux"
  : false;

/** The processes that Linux knows as children of one; those that end meanwhile are left out. */
function childrenOf(parent: number): number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      // The program's name stands in parentheses and may hold anything; state and parent follow.
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
      return fields[0] !== "Z" && Number(fields[1]) === parent;
    } catch {
      return false;
    }
  });
}

/** A server for one token; it can die and come back at the same address. */
export class TokenServer {
  /** What `P11_KIT_SERVER_ADDRESS` and a `remote` setting take. */
  readonly address: string;
  readonly #folder: string;
  readonly #socket: string;
  readonly #token: TestToken;
  #child: ChildProcess | null = null;

  /** Prepares a server; nothing runs yet. */
  constructor(token: TestToken) {
    this.#token = token;
    this.#folder = temporaryFolder("server");
    this.#socket = `${this.#folder}/socket`;
    this.address = `unix:path=${this.#socket}`;
  }

  /** Starts serving. */
  async start(): Promise<void> {
    const { module, label } = this.#token;
    const args = [
      "server",
      "-f",
      "-n",
      this.#socket,
      "--provider",
      module,
      `pkcs11:token=${encodeURIComponent(label)}`,
    ];
    const env = { ...process.env, XDG_RUNTIME_DIR: this.#folder };
    this.#child = spawn(programPath("p11-kit")!, args, { env, stdio: ["ignore", "pipe", "ignore"] });
    // It says where it is once it listens there.
    const [said] = await Promise.race([once(this.#child.stdout!, "data"), once(this.#child, "close")]);
    if (!(said instanceof Uint8Array)) throw new Error(`Cannot start p11-kit server: it has ended with ${said}`);
  }

  /** Kills the server and the processes that serve its connections. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    const gone = once(child, "exit");
    const serving = childrenOf(child.pid!);
    child.kill("SIGKILL");
    for (const pid of serving) {
      try {
        process.kill(pid, "SIGKILL");
      } catch (error) {
        // It may end by itself as soon as its parent has.
        if ((error as { code?: string }).code !== "ESRCH") throw error;
      }
    }
    await gone;
    rmSync(this.#socket, { force: true });
  }
}
