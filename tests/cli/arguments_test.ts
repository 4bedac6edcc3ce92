// cli/arguments.ts, contract/help_text.ts, completions/: what is typed, and what is said of it, without a token.
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { commands, globalOptions } from "../../cli/table/mod.ts";
import { checkSome } from "../../cli/tokens/modules.ts";
import { CommandError } from "../../cli/terminal/errors.ts";
import { programPath } from "../../tools/native_libraries.ts";
import { closedReader, commandLine } from "../_support/command_line.ts";

/** What a wrong command line is told; it ends with exit code 2 and writes nothing to standard output. */
async function refusal(...args: string[]): Promise<string> {
  const { code, errors, text } = await commandLine(args);
  assertEquals([code, text], [2, ""], args.join(" "));
  return errors.split("\n")[0]!;
}

describe("a command line that makes no sense", () => {
  it("is answered with what may have been meant", async () => {
    assertEquals(await refusal("sgin"), 'error: Cannot run "sgin": there is no such command; did you mean "sign"?');
    assertEquals(
      await refusal("sign", "--moduel", "x"),
      'error: Cannot use "--moduel": sign has no such option; did you mean "--module"?',
    );
    assertEquals(
      await refusal("keygen", "pkcs11:", "--type", "rsx"),
      'error: Cannot use "--type" "rsx": there are ec, rsa, ed25519, x25519, aes, hmac; did you mean "rsa"?',
    );
    assertEquals(
      await refusal("slots", "--reserved", "x"),
      "error: Cannot use --reserved: it is for one module, and --module names none",
    );
    assertEquals(
      await refusal("slots", "-m", "a", "-m", "b", "--reserved", "x"),
      "error: Cannot use --reserved: it is for one module, and --module names 2",
    );
    assertEquals(
      await refusal("completion", "tcsh"),
      'error: Cannot run completion "tcsh": there are bash, zsh, fish',
    );
    assertEquals(await refusal("frobnicate"), 'error: Cannot run "frobnicate": there is no such command');
  });

  it("is told what is missing or too much", async () => {
    assertEquals(await refusal(), "error: Cannot run: no command is named");
    assertStringIncludes(await refusal("sign"), "KEY-URI is missing");
    assertStringIncludes(await refusal("keygen", "pkcs11:", "--type", "ec"), "--label TEXT is missing");
    assertStringIncludes(await refusal("uri", "pkcs11:", "more"), '"more" is one argument too many');
    assertStringIncludes(await refusal("sign", "pkcs11:", "--in"), '"--in" alone: it wants a value');
    assertStringIncludes(await refusal("sign", "pkcs11:", "--in", "--out", "x"), '"--in" alone');
    for (const empty of [["--in", ""], ["--in="]]) {
      assertStringIncludes(await refusal("sign", "pkcs11:", ...empty), 'Cannot use "--in": its value is empty');
    }
    assertStringIncludes(await refusal("slots", "--json=yes"), "it is a switch");
    assertStringIncludes(await refusal("sign", "pkcs11:", "--in", "a", "-i", "b"), '"-i" twice');
    assertStringIncludes(await refusal("slots", "--label", "x"), "slots has no such option");
    assertStringIncludes(await refusal("fetch", "ftp://example.com/"), "begins with http: or https:");
    assertStringIncludes(await refusal("keygen", "pkcs11:", "--type=aes", "--label=a", "--bits=12"), "from 128 to 256");
    assertStringIncludes(await refusal("keygen", "pkcs11:", "--type=ec", "--label=a", "--id=0g"), "hexadecimal");
    assertStringIncludes(
      await refusal("keygen", "pkcs11:", "--type=ec", "--label=a", "--curve=P-255"),
      "there are P-224",
    );
    assertStringIncludes(await refusal("keygen", "pkcs11:", "--type=rsa", "--label=a", "--curve=P-256"), "--curve");
  });

  it("never takes a PIN, and never shows one", async () => {
    const { code, errors } = await commandLine(["sign", "pkcs11:token=a?pin-value=81726354"]);
    assertEquals(code, 2);
    assertStringIncludes(errors, "GP11_PIN");
    const uri = await commandLine(["uri", "pkcs11:token=a?pin-value=81726354"]);
    assertEquals(uri.code, 0);
    for (const text of [errors, uri.text, uri.errors]) assert(!text.includes("81726354"), text);
    assertEquals((await commandLine(["uri", "http://example.com"])).code, 2);
  });

  it("tells programs so in JSON", async () => {
    const { code, errors } = await commandLine(["sgin", "--json"]);
    const { error } = JSON.parse(errors);
    assertEquals([code, error.exitCode, error.name], [2, 2, "UsageError"]);
  });
});

describe("help", () => {
  it("is there for every command, with examples that the command line takes", async () => {
    for (const { examples, name, options } of commands) {
      const byOption = await commandLine([name, "--help"]);
      assertEquals([byOption.code, byOption.errors], [0, ""]);
      assertEquals((await commandLine(["help", name])).text, byOption.text);
      for (const option of options) assertStringIncludes(byOption.text, `--${option.name}`);
      assert(examples.length > 0, name);
      for (const { line } of examples) assertStringIncludes(byOption.text, line);
    }
    const { text } = await commandLine(["--help"]);
    for (const { name, summary } of commands) assertStringIncludes(text, summary, name);
    assertStringIncludes(text, "Exit codes");
    assertStringIncludes(text, "a wrong signature, a status of 400 and above too");
  });

  it("has colours on a terminal alone, unless NO_COLOR is set, and fits its columns", async () => {
    const escape = "\u001b[";
    const shown = await commandLine(["--help"], { isTerminal: true, columns: 60 });
    assert(shown.text.includes(escape));
    // deno-lint-ignore no-control-regex
    const lines = shown.text.replace(/\u001b\[\d+m/g, "").split("\n").filter((line) => !line.startsWith("  gp11"));
    assertEquals(lines.filter((line) => line.length > 60), []);
    const plain = await commandLine(["--help"], { isTerminal: true, environment: { NO_COLOR: "1" } });
    assert(!plain.text.includes(escape));
    assert(!(await commandLine(["--help"])).text.includes(escape));
  });

  it("ends quietly when nobody reads on", async () => {
    assertEquals(await commandLine(["--help"], { reader: closedReader }).then(({ code, errors }) => [code, errors]), [
      0,
      "",
    ]);
  });
});

describe("options", () => {
  it("of one name take a value in every command or in none", () => {
    const kinds = new Map<string, boolean>();
    for (const { name, short, value } of [...globalOptions, ...commands.flatMap(({ options }) => options)]) {
      for (const key of short === undefined ? [name] : [name, `-${short} is ${name}`]) {
        assertEquals(kinds.get(key) ?? value !== undefined, value !== undefined, key);
        kinds.set(key, value !== undefined);
      }
    }
    const shorts = [...globalOptions, ...commands.flatMap(({ options }) => options)]
      .flatMap(({ name, short }) => short === undefined ? [] : [`${short} ${name}`]);
    const letters = [...new Set(shorts)].map((each) => each[0]);
    assertEquals(letters.length, new Set(letters).size, "a letter stands for one option");
  });

  it("stand before and behind the command", async () => {
    for (const args of [["--json", "uri", "pkcs11:token=a"], ["uri", "pkcs11:token=a", "--json"]]) {
      const { code, text } = await commandLine(args);
      assertEquals([code, JSON.parse(text).token], [0, "a"]);
    }
  });
});

describe("secrets on the command line", () => {
  it("are refused with the place where they are taken from, and not shown", async () => {
    const places: Readonly<Record<string, string>> = {
      "--pin": "set GP11_PIN, write ?pin-source=file:PATH behind the URI",
      "--user-pin": "set GP11_PIN",
      "--pin-file": "?pin-source=file:PATH",
      "--so-pin": "GP11_SO_PIN",
      "--new-pin": "GP11_NEW_PIN",
      "--passphrase": "GP11_PASSPHRASE",
    };
    for (const [option, place] of Object.entries(places)) {
      for (const args of [[option, "7654"], [`${option}=7654`]]) {
        const message = await refusal("sign", "pkcs11:token=a", ...args);
        assertStringIncludes(message, `Cannot use "${option}": sign has no such option; others could read a secret`);
        assertStringIncludes(message, place);
        assert(!message.includes("7654") && !message.includes("did you mean"), message);
      }
    }
  });
});

describe("a curve", () => {
  it("that is not known is answered with those there are, and the one that was meant", async () => {
    for (const name of ["p256", "P256"]) {
      const message = await refusal("keygen", "pkcs11:token=a", "--type", "ec", "--label", "a", "--curve", name);
      assertStringIncludes(message, "P-256, P-384, P-521");
      assertStringIncludes(message, 'did you mean "P-256"?');
    }
  });
});

describe("modules that p11-kit's configuration registers", () => {
  it("end the command where none of them can be loaded, with what each of them said", () => {
    const failures = ["a", "b"].map((name) => ({ name, error: new Error("Cannot call C: Node 20 has no FFI") }));
    const error = assertThrows(() => checkSome([], failures), CommandError, "Cannot load a PKCS#11 module: all that");
    assertEquals(error.hint!.split("\n").map((line) => line.slice(0, 14)), ["a was left out", "b was left out"]);
    assertThrows(() => checkSome([], []), CommandError, "registers none");
  });
});

describe("completion", () => {
  const bash = programPath("bash");

  it("names every command and option for each shell", async () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      const { code, text } = await commandLine(["completion", shell]);
      assertEquals(code, 0);
      for (const { name, options } of commands) {
        assertStringIncludes(text, name);
        for (const option of options) assertStringIncludes(text, option.name, `${shell} ${name}`);
      }
    }
  });

  it("works in bash", { skip: bash === null ? "bash is not installed" : false }, async () => {
    const { text } = await commandLine(["completion", "bash"]);
    const ask = (words: string) =>
      `COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _gp11; echo "\${COMPREPLY[*]}"\n`;
    const script = `${text}\n${ask("gp11 ver")}${ask("gp11 --module /a sig")}${ask("gp11 keygen x --type e")}${
      ask("gp11 sign x --mech")
    }${ask("gp11 completion ''")}`;
    const answers = execFileSync(bash!, ["--norc", "-c", script], { encoding: "utf8" }).trim().split("\n");
    assertEquals(answers, ["verify", "sign", "ec ed25519", "--mechanism", "bash zsh fish"]);
  });
});
