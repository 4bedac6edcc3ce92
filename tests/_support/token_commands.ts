// The command line on a token of SoftHSM2 that is one test's own.
import { assertEquals } from "@std/assert";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createSelfSignedCertificate } from "../../session/certificates/mod.ts";
import { Module } from "../../session/tokens/module.ts";
import { commandLine, type CommandLineOptions, type CommandLineResult } from "./command_line.ts";
import { createToken, type TestToken } from "./softhsm.ts";
import { temporaryFolder } from "./temporary_folder.ts";
import { findSlot } from "./token_session.ts";

const DAY = 86_400_000;

/** Runs commands on a token, with its PIN in the environment; `TOKEN` and `FOLDER` in a line are its URI and a folder. */
export class TokenCommands {
  /** The token. */
  readonly token: TestToken = createToken();
  /** A folder for files. */
  readonly folder: string = temporaryFolder("cli");
  /** What the commands have in their environment. */
  readonly environment: Readonly<Record<string, string>> = { GP11_PIN: this.token.userPin };

  #keys = 0;

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

  /**
   * A new key on the token, and certificates of it as files of these names: valid from so many days from now on, and until
   * then.
   *
   * @returns The key's label.
   */
  async keyWith(certificates: Readonly<Record<string, readonly [from: number, to: number]>>): Promise<string> {
    const { folder, token } = this;
    const label = `key${++this.#keys}`;
    const pem = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" });
    writeFileSync(`${folder}/${label}.pem`, pem);
    await this.done(`import TOKEN --in FOLDER/${label}.pem --label ${label}`);
    const module = await Module.load(token.module, { managed: false });
    try {
      const session = await findSlot(module, token.label).openSession({ login: { pin: token.userPin } });
      const key = await session.importKeyPair(String(pem));
      for (const [name, days] of Object.entries(certificates)) {
        const [notBefore, notAfter] = days.map((each) => new Date(Date.now() + each * DAY));
        const certificate = await createSelfSignedCertificate(key, { subject: `CN=${name}`, notBefore, notAfter });
        writeFileSync(`${folder}/${name}.crt`, certificate);
      }
    } finally {
      await module.close();
    }
    return label;
  }
}
