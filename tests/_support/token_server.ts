// A token served by `p11-kit server` over a socket, in processes of its own.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
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
    await once(this.#child.stdout!, "data");
  }

  /** Kills the server and the processes that serve its connections. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    const gone = once(child, "exit");
    try {
      execFileSync("pkill", ["-KILL", "-P", String(child.pid)]);
    } catch {
      // No connection was open.
    }
    child.kill("SIGKILL");
    await gone;
    rmSync(this.#socket, { force: true });
  }
}
