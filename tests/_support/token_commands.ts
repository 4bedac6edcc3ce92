// The command line on a token of SoftHSM2 that is one test's own.
import { assertEquals } from "@std/assert";
import { commandLine, type CommandLineOptions, type CommandLineResult } from "./command_line.ts";
import { createToken, type TestToken } from "./softhsm.ts";
import { temporaryFolder } from "./temporary_folder.ts";

/** Runs commands on a token, with its PIN in the environment; `TOKEN` and `FOLDER` in a line are its URI and a folder. */
export class TokenCommands {
  /** The token. */
  readonly token: TestToken = createToken();
  /** A folder for files. */
  readonly folder: string = temporaryFolder("cli");
  /** What the commands have in their environment. */
  readonly environment: Readonly<Record<string, string>> = { GP11_PIN: this.token.userPin };

  /** The token's URI. */
  get uri(): string {
    return `pkcs11:token=${encodeURIComponent(this.token.label)}`;
  }

  /** Runs a command. */
  async run(line: string, options: CommandLineOptions = {}): Promise<CommandLineResult> {
    const { environment, folder, token, uri } = this;
    const args = line.split(" ").map((word) => word.replaceAll("TOKEN", uri).replaceAll("FOLDER", folder));
    return await commandLine(["--module", token.module, ...args], { environment, ...options });
  }

  /** Runs a command, which must succeed. */
  async done(line: string, options?: CommandLineOptions): Promise<CommandLineResult> {
    const result = await this.run(line, options);
    assertEquals([result.code, result.code === 0 ? "" : result.errors], [0, ""], line);
    return result;
  }

  /** What a command writes as JSON. */
  async json<T>(line: string, options?: CommandLineOptions): Promise<T> {
    return JSON.parse((await this.done(`${line} --json`, options)).text) as T;
  }
}
