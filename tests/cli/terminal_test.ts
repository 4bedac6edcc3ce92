// What a person at a terminal meets: cli/process_surroundings.ts, cli/run.ts, cli/terminal, and a card with three tries.
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { Writable } from "node:stream";
import process from "node:process";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ProcessOutput } from "../../cli/process_surroundings.ts";
import { OutputClosedError } from "../../cli/terminal/errors.ts";
import { Progress } from "../../cli/terminal/progress.ts";
import { tableText } from "../../cli/terminal/table.ts";
import { safeJson, safeText, textWidth } from "../../cli/terminal/text.ts";
import { runtimeName } from "../../internal/runtime.ts";
import { programPath } from "../../tools/native_libraries.ts";
import { CardModule, cardModuleSkip } from "../_support/card_module.ts";
import { programArguments } from "../_support/child_program.ts";
import { commandLine, type CommandLineOptions } from "../_support/command_line.ts";
import { createSeparateToken, softhsmSkip, type TestToken } from "../_support/softhsm.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const python = programPath("python3");
const terminalSkip = softhsmSkip ||
  (python === null || process.platform !== "linux" ? "Python 3 on Linux is not here to make a terminal" : false);

describe("the program in a terminal", { skip: terminalSkip }, () => {
  let token: TestToken;
  let environment: Record<string, string>;
  let folder: string;

  before(() => {
    ({ token, environment } = createSeparateToken("terminal"));
    folder = temporaryFolder("terminal");
  });

  /** Runs the program through a shell in a terminal of its own; what it shows, its exit code, whether the terminal echoes again. */
  async function inTerminal(
    script: string,
    answers: readonly (readonly [question: string, answer: string])[],
    ahead = "",
  ): Promise<{ shown: string; code: number; echoes: boolean }> {
    const program = fileURLToPath(new URL("../_support/terminal_program.py", import.meta.url));
    const cli = [process.execPath, ...programArguments(new URL("../../cli.ts", import.meta.url))];
    const command = ["sh", "-c", script, "sh", ...cli, "--module", token.module];
    const { stdout } = await promisify(execFile)(python!, [program, JSON.stringify(answers), ...command], {
      env: { ...process.env, ...environment, NO_COLOR: "1", TYPED_AHEAD: ahead },
    });
    return JSON.parse(stdout);
  }

  it("asks for the PIN there though it reads a pipe, never shows it, and takes none that was typed before", async () => {
    const keygen = `"$@" keygen pkcs11:token=terminal --type hmac --label first`;
    const { code, echoes, shown } = await inTerminal(
      `echo nothing | ${keygen}`,
      [["PIN of", `type ${token.userPin}\r`]],
      "echo the next line of a paste\n",
    );
    assertEquals([code, echoes], [0, true], shown);
    assertStringIncludes(shown, 'PIN of "terminal": \r\n');
    assertStringIncludes(shown, "object=first;type=secret-key");
    assert(!shown.includes(token.userPin), shown);
  });

  it("asks a second question where the first was answered", async () => {
    const pin = ["PIN of", `type ${token.userPin}\r`] as const;
    const made = await inTerminal(`"$@" keygen pkcs11:token=terminal --type aes --label second`, [pin]);
    assertEquals(made.code, 0, made.shown);
    const question = ["[y/N]", "type y\r"] as const;
    const gone = await inTerminal(`"$@" delete "pkcs11:token=terminal;object=second"`, [pin, question]);
    assertEquals([gone.code, gone.echoes], [0, true], gone.shown);
    assertMatch(gone.shown, /deleted pkcs11:\S*;object=second;/);
  });

  it("changes a PIN that is typed there, and shows neither it nor the new one", async () => {
    const answers = [
      ["Old PIN of", `type ${token.userPin}\r`],
      ["New PIN of", "type 13579\r"],
      ["once more", "type 13579\r"],
    ] as const;
    const { code, echoes, shown } = await inTerminal(`"$@" pin change pkcs11:token=terminal`, answers);
    assertEquals([code, echoes], [0, true], shown);
    assertStringIncludes(shown, 'The PIN of "terminal" is changed');
    for (const secret of [token.userPin, "13579"]) assert(!shown.includes(secret), shown);
    const script = `GP11_PIN=13579 GP11_NEW_PIN=${token.userPin} "$@" pin change pkcs11:token=terminal`;
    assertEquals((await inTerminal(script, [])).code, 0);
  });

  it("gives the terminal back and makes nothing when it is ended while it asks", async () => {
    const out = `${folder}/out`;
    const script = `exec "$@" sign pkcs11:token=terminal --in /dev/null --out ${out}`;
    const { code, echoes, shown } = await inTerminal(script, [["PIN of", "signal 15"]]);
    assertEquals([code, echoes], [143, true], shown);
    let made = true;
    try {
      readFileSync(out);
    } catch {
      made = false; // There is no such file, as there should not be.
    }
    assertEquals(made, false);
  });
});

describe("the program with its streams", { skip: softhsmSkip || process.platform === "win32" }, () => {
  let token: TestToken;
  let environment: Record<string, string>;
  let folder: string;
  const key = "pkcs11:token=streams;object=key";

  before(async () => {
    ({ token, environment } = createSeparateToken("streams"));
    environment = { ...environment, GP11_PIN: token.userPin, NO_COLOR: "1" };
    folder = temporaryFolder("streams");
    execFileSync("mkfifo", [`${folder}/pipe`]);
    writeFileSync(`${folder}/long`, new Uint8Array(3 << 20));
    const made = start("keygen pkcs11:token=streams --type aes --label key");
    assertEquals((await made.end).code, 0);
  });

  /**
   * Runs the program through a shell that completes its command line; its standard input is a pipe that says nothing. It is
   * signalled by its number: Deno's `child.kill()` ends standard input too, and the program may hear of that first.
   */
  function start(line: string) {
    const script = `exec "$@" ${line.replaceAll("FOLDER", `"${folder}"`)}`;
    const cli = [process.execPath, ...programArguments(new URL("../../cli.ts", import.meta.url))];
    const child = spawn("sh", ["-c", script, "sh", ...cli, "--module", token.module], {
      env: { ...process.env, ...environment },
    });
    const said = { errors: "", heard: () => {} };
    child.stderr.on("data", (piece) => {
      said.errors += piece;
      said.heard();
    });
    const end = once(child, "close").then(([code]) => ({ code, errors: said.errors }));
    const until = (text: string) =>
      new Promise<void>((resolve) => {
        said.heard = () => said.errors.includes(text) && resolve();
        said.heard();
      });
    return { child, end, until };
  }

  const waits = [
    ["a pipe that stays silent", "encrypt", "SIGTERM"],
    ["a pipe that stays silent", "encrypt", "SIGINT"],
    ["a pipe that stays silent", "encrypt", "SIGHUP"],
    ["a named pipe that nobody writes", "encrypt --in FOLDER/pipe", "SIGTERM"],
    ["a named pipe that nobody reads", "encrypt --in FOLDER/long --out FOLDER/pipe", "SIGTERM"],
  ] as const;
  for (const [what, line, signal] of waits) {
    it(`ends with ${signal} while it waits for ${what}, and says nothing of a call`, async () => {
      const { child, end, until } = start(line.replace("encrypt", `encrypt "${key}" --log-calls`));
      await until("C_GetAttributeValue = CKR_OK");
      process.kill(child.pid!, signal);
      const { code, errors } = await end;
      assertEquals(
        code ?? child.signalCode,
        code === null ? signal : { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 }[signal],
      );
      assertMatch(errors, /C_CloseSession = CKR_OK[^]*Interrupted\n$/);
    });
  }

  it("ends with SIGTERM while nobody reads its standard output, whose pipe is full", async () => {
    const { child, end, until } = start(`encrypt "${key}" --in FOLDER/long --log-calls 3<> FOLDER/pipe > FOLDER/pipe`);
    await until("C_EncryptUpdate = CKR_OK");
    await new Promise((resolve) => setTimeout(resolve, 200));
    process.kill(child.pid!, "SIGTERM");
    const { code, errors } = await end;
    assertEquals(code ?? child.signalCode, code === null ? "SIGTERM" : 143);
    assertMatch(errors, /Interrupted\n$/);
  });

  it("says in its own words that standard output cannot be written, and tells with its exit code what it cannot say", {
    skip: process.platform === "linux" ? false : "there is no /dev/full",
  }, async () => {
    const full = await start("objects pkcs11:token=streams > /dev/full").end;
    assertEquals(full, { code: 1, errors: "error: Cannot write to standard output: the disk is full\n" });
    for (const nowhere of ["2>&-", "2> /dev/full"]) {
      assertEquals(await start(`nonsense ${nowhere}`).end, { code: 2, errors: "" });
      assertEquals(await start(`delete pkcs11:object=none ${nowhere}`).end, { code: 1, errors: "" });
    }
  });
});

describe("a card with three tries", { skip: cardModuleSkip }, () => {
  it("gets a wrong PIN once for each command, and the last try only from a person", async () => {
    const card = new CardModule();
    // Somebody else uses the card, too: it is not initialised anew for each command.
    const { module } = await card.slot({});
    card.reset();
    const attempt = async (options: CommandLineOptions, tries: number, said: string) => {
      const { code, errors, shown } = await commandLine(
        ["-m", card.path, "objects", "pkcs11:token=card", "--login"],
        options,
      );
      assertEquals([code, card.tries, card.sessions], [1, tries, 0]);
      assertStringIncludes(errors + shown, said);
    };
    const environment = { GP11_PIN: "0000" };
    await attempt({ environment }, 2, "counts wrong PINs");
    await attempt({ environment }, 1, "One try is left");
    await attempt({ environment }, 1, "a wrong PIN from GP11_PIN would lock it");
    await attempt({ typed: ["0000\r", "1234\r"] }, 0, "one try is left, a wrong PIN locks it");
    await attempt({ typed: ["1234\r"] }, 0, "its PIN is locked");
    assertEquals(card.calls("C_Login"), 3);
    await module.close();
  });
});

const denoSkip = runtimeName() === "deno" ? false : "only Deno asks for permissions";

describe("a file that is written", () => {
  it("wants its folder allowed, which the refusal names", { skip: denoSkip }, async () => {
    const folder = temporaryFolder("allowed");
    const files = new URL("../../cli/terminal/files.ts", import.meta.url);
    const program = `
      const { writeText } = await import(${JSON.stringify(files)});
      await writeText("text", ${JSON.stringify(`${folder}/out`)}, { signal: new AbortController().signal })
        .catch(({ hint, message }) => console.log(JSON.stringify({ hint, message })));`;
    writeFileSync(`${folder}/program.mjs`, program);
    const run = async (allowed: string) =>
      (await promisify(execFile)(process.execPath, [
        ...["run", "--quiet", "--no-check", "--no-prompt", "--allow-read"],
        ...[`--allow-write=${allowed}`, `${folder}/program.mjs`],
      ])).stdout;
    const { hint, message } = JSON.parse(await run(`${folder}/out`));
    assertEquals(message, `Cannot write "${folder}/out": the permission to write in its folder is missing`);
    const wanted = /^Give --allow-write=(\S+):/.exec(hint)![1]!;
    assertEquals(wanted, folder);
    assertEquals(await run(wanted), "");
    assertEquals(readFileSync(`${folder}/out`, "utf8"), "text");
  });
});

describe("what is shown", () => {
  it("never is a command to the terminal, whatever a token's label holds", () => {
    const label = "\u001b[2J\u009b31m\u202egnp.\u0007\n\r";
    const text = tableText((_style, each) => each, undefined, [label], [{ title: "LABEL", value: (row) => row }]);
    for (const shown of [safeText(label), text.trimEnd().split("\n")[1]!, safeJson({ label }, 0)]) {
      // deno-lint-ignore no-control-regex
      assert(!/[\u0000-\u001f\u007f-\u009f\u202e]/.test(shown), shown);
    }
    assertEquals(JSON.parse(safeJson({ label })), { label });
  });

  it("stands in columns, with wide letters and marks", () => {
    assertEquals(["abc", "日本", "e\u0301"].map(textWidth), [3, 4, 1]);
    const rows = [{ a: "日本", b: "x", c: "" }, { a: "long one", b: "y", c: "" }];
    const columns = (["a", "b", "c"] as const).map((name) => ({
      title: name,
      value: (row: typeof rows[0]) => row[name],
    }));
    const table = (width?: number) => tableText((_style, text) => text, width, rows, columns);
    for (const width of [undefined, 11]) assertEquals(table(width), "a         b\n日本      x\nlong one  y\n");
    // Where the last one finds no room it has lines of its own, and can still be selected as a whole.
    assertEquals(table(10), "a\n  b\n日本\n  x\nlong one\n  y\n");
  });

  it("is progress on a terminal alone", async () => {
    for (const [isTerminal, TERM] of [[false, "xterm"], [true, "dumb"], [true, "xterm"]] as const) {
      const texts: string[] = [];
      const errors = {
        isTerminal,
        columns: 80,
        write: (data: unknown) => Promise.resolve(void texts.push(String(data))),
      };
      const progress = new Progress({ errors, environment: { TERM } }, "Making the key");
      await progress.show();
      await progress.end();
      assertEquals(texts.length, isTerminal && TERM !== "dumb" ? 2 : 0);
    }
  });
});

describe("an output of the process", () => {
  it("says that nobody reads it any more, and passes other errors on", async () => {
    const failing = (code: string) =>
      new ProcessOutput(
        new Writable({
          write(_chunk, _encoding, done) {
            done(Object.assign(new Error(code), { code }));
          },
        }) as unknown as typeof process.stdout,
        new AbortController().signal,
      );
    const closed = failing("EPIPE");
    await assertRejects(() => closed.write("a"), OutputClosedError);
    await assertRejects(() => closed.write("b"), OutputClosedError);
    await assertRejects(() => failing("ENOSPC").write("a"), Error, "Cannot write to standard output: the disk is full");
  });
});
