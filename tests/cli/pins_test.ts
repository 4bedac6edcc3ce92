// PINs and tokens that commands set: cli/commands/pin.ts, init.ts, cli/tokens/pin_*.ts.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { writeFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { CardModule, cardModuleSkip } from "../_support/card_module.ts";
import { commandLine, type CommandLineOptions, type CommandLineResult } from "../_support/command_line.ts";
import { softhsmModule, softhsmSkip } from "../_support/softhsm.ts";
import { createSoftoknDatabase, softoknSkip } from "../_support/softokn.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";
import { TokenCommands } from "../_support/token_commands.ts";

/** PINs of tests, none of which is ever shown. */
const SECRETS = ["13579", "97531", "2468a", "88887777"];

function assertQuiet({ errors, shown, text }: CommandLineResult): void {
  const all = errors + shown + text;
  assertEquals(SECRETS.filter((secret) => all.includes(secret)), [], all);
}

describe("gp11 pin", { skip: softhsmSkip }, () => {
  let commands: TokenCommands;
  let pin: string;

  before(() => {
    commands = new TokenCommands();
    pin = commands.token.userPin;
  });

  const login = (value: string) => commands.run("objects TOKEN --login", { environment: { GP11_PIN: value } });

  it("changes a PIN that is typed, and the new one twice, without showing either", async () => {
    const changed = await commands.done("pin change TOKEN", {
      environment: {},
      typed: [`${pin}\r`, "13579\r", "13579\r"],
    });
    const label = JSON.stringify(commands.token.label);
    assertEquals(changed.shown, `Old PIN of ${label}: \nNew PIN of ${label}: \nThe same once more: \n`);
    assertEquals([changed.text, changed.terminals], [`The PIN of ${label} is changed\n`, { opened: 3, closed: 3 }]);
    assertQuiet(changed);
    assertEquals([(await login("13579")).code, (await login(pin)).code], [0, 1]);
    const environment = { GP11_PIN: "13579", GP11_NEW_PIN: pin };
    const back = await commands.json<{ token: string }>("pin change TOKEN", { environment });
    assertStringIncludes(back.token, `token=${encodeURIComponent(commands.token.label)}`);
    assertEquals((await login(pin)).code, 0);
  });

  it("reads the old PIN from the URI's source and the new one from that of the option, before the environment", async () => {
    const { folder } = commands;
    writeFileSync(`${folder}/old`, `${pin}\n`);
    writeFileSync(`${folder}/new`, "97531\n");
    const environment = { GP11_PIN: "2468a", GP11_NEW_PIN: "2468a" };
    await commands.done("pin change TOKEN?pin-source=FOLDER/old --new-pin-source FOLDER/new", { environment });
    assertEquals((await login("97531")).code, 0);
    await commands.done("pin change TOKEN?pin-source=FOLDER/new --new-pin-source file:FOLDER/old", { environment });
    assertEquals((await login(pin)).code, 0);
  });

  it("gives the token nothing where it can be told that it will not do", async () => {
    writeFileSync(`${commands.folder}/marked`, `\ufeff${pin}\r\n`);
    const marked = "begins with a byte-order mark; save it as UTF-8 without one";
    const cases: [line: string, options: CommandLineOptions, said: string][] = [
      ["pin change TOKEN", { environment: {}, typed: [`${pin}\r`, "13579\r", "97531\r"] }, "typed in two ways"],
      ["pin change TOKEN", { environment: {}, typed: [`${pin}\r`, "\r"] }, "no new PIN was given"],
      ["pin change TOKEN", { environment: {}, typed: ["\r"] }, "no PIN was given"],
      ["pin change TOKEN?pin-source=FOLDER/marked", { environment: { GP11_NEW_PIN: "13579" } }, marked],
      ["pin change TOKEN --new-pin-source FOLDER/marked", { environment: { GP11_PIN: pin } }, marked],
      [
        "pin change TOKEN",
        { environment: { GP11_PIN: pin, GP11_NEW_PIN: "123" } },
        "the new PIN is too short: those of",
      ],
      ["pin change TOKEN", { environment: { GP11_PIN: "123", GP11_NEW_PIN: "13579" } }, "GP11_PIN cannot be right"],
      ["pin change TOKEN", { environment: { GP11_PIN: pin } }, "there is no PIN and no terminal"],
      ["pin unblock TOKEN", { environment: { GP11_SO_PIN: "88887777", GP11_NEW_PIN: "123" } }, "is too short"],
      ["pin unblock TOKEN", { environment: { GP11_NEW_PIN: "13579", GP11_PIN: pin } }, "Set GP11_SO_PIN, or give"],
    ];
    for (const [line, options, said] of cases) {
      const refused = await commands.run(`${line} --log-calls`, options);
      assertEquals(refused.code, 1, said);
      assertStringIncludes(refused.errors, said);
      assert(!/C_(Login|SetPIN|InitPIN)/.test(refused.errors), refused.errors);
      assertQuiet(refused);
    }
    for (
      const line of [
        "pin unblock TOKEN?pin-source=x",
        "pin change TOKEN?pin-source=x --so",
        "pin change TOKEN --so-pin-source x",
        "pin unblock TOKEN --so",
        "pin chnge TOKEN",
        "pin TOKEN",
      ]
    ) {
      assertEquals((await commands.run(line)).code, 2, line);
    }
    assertStringIncludes((await commands.run("pin chnge TOKEN")).errors, 'did you mean "change"?');
  });

  it("sets the user's PIN anew by the security officer's, and changes that one", async () => {
    const { soPin } = commands.token;
    const unblocked = await commands.done("pin unblock TOKEN", {
      environment: {},
      typed: [`${soPin}\r`, "13579\r", "13579\r"],
    });
    assertMatch(unblocked.shown, /^Security officer's PIN of "[^"]+": \nNew PIN of "[^"]+": \nThe same once more: \n$/);
    assertMatch(unblocked.text, /^The PIN of "[^"]+" is set\n$/);
    assertQuiet(unblocked);
    assertEquals((await login("13579")).code, 0);
    await commands.done("pin change TOKEN --so", { environment: { GP11_SO_PIN: soPin, GP11_NEW_PIN: "88887777" } });
    const wrong = await commands.run("pin unblock TOKEN", { environment: { GP11_SO_PIN: soPin, GP11_NEW_PIN: pin } });
    assertEquals(wrong.code, 1);
    assertStringIncludes(wrong.errors, "the security officer's PIN from GP11_SO_PIN is wrong");
    writeFileSync(`${commands.folder}/so`, "88887777");
    const environment = { GP11_NEW_PIN: pin };
    await commands.done("pin unblock TOKEN --so-pin-source FOLDER/so", { environment });
    assertEquals((await login(pin)).code, 0);
    await commands.done("pin change TOKEN --so --so-pin-source FOLDER/so", { environment: { GP11_NEW_PIN: soPin } });
  });

  it("tells of a wrong PIN what the token says of tries, and where the PIN came from", async () => {
    const environment = { GP11_PIN: "2468a", GP11_NEW_PIN: "13579" };
    const wrong = await commands.run("pin change TOKEN", { environment });
    assertEquals(wrong.code, 1);
    assertMatch(wrong.errors, /the PIN from GP11_PIN is wrong\nhint: The token counts wrong PINs/);
    assertQuiet(wrong);
  });
});

describe("gp11 pin on a card with three tries", { skip: cardModuleSkip }, () => {
  const NEW = { GP11_NEW_PIN: "13579" };
  let card: CardModule;
  let run: (line: string, options: CommandLineOptions) => Promise<CommandLineResult>;

  /** Somebody else uses the card, too: it is not initialised anew for each command. */
  async function withCard(body: () => Promise<void>): Promise<void> {
    card = new CardModule();
    const { module } = await card.slot({});
    card.reset();
    run = (line, options) => commandLine(["-m", card.path, ...line.split(" ")], options);
    try {
      await body();
    } finally {
      await module.close();
    }
  }

  it("spends one try for each command, never the last without a person, and none on a PIN that is locked", () =>
    withCard(async () => {
      const attempt = async (options: CommandLineOptions, tries: number, said: string) => {
        const { code, errors, shown } = await run("pin change pkcs11:token=card", options);
        assertEquals([code, card.tries, card.sessions], [1, tries, 0], errors);
        assertStringIncludes(errors + shown, said);
      };
      const environment = { GP11_PIN: "0000", ...NEW };
      await attempt({ environment }, 2, "counts wrong PINs");
      await attempt({ environment }, 1, "One try is left");
      await attempt({ environment }, 1, "a wrong PIN from GP11_PIN would lock it");
      await attempt({ environment: NEW, typed: ["0000\r"] }, 0, "one try is left, a wrong PIN locks it");
      await attempt(
        { environment: NEW, typed: ["1234\r"] },
        0,
        "the PIN is locked\nhint: The security officer can set",
      );
      assertEquals([card.calls("C_Login"), card.calls("C_SetPIN")], [3, 0]);
      const unblocked = await run("pin unblock pkcs11:token=card", {
        environment: { GP11_SO_PIN: "87654321", ...NEW },
      });
      assertEquals([unblocked.code, card.tries], [0, 3], unblocked.errors);
    }));

  it("counts the security officer's tries as it does the user's", () =>
    withCard(async () => {
      const attempt = async (options: CommandLineOptions, tries: number, said: string) => {
        const { code, errors, shown } = await run("pin unblock pkcs11:token=card", options);
        assertEquals([code, card.officersTries, card.tries], [1, tries, 3], errors);
        assertStringIncludes(errors + shown, said);
      };
      const environment = { GP11_SO_PIN: "0000", ...NEW };
      await attempt({ environment }, 2, "counts wrong PINs");
      await attempt({ environment }, 1, "One try is left: the next wrong PIN locks it");
      await attempt({ environment }, 1, "a wrong PIN from GP11_SO_PIN would lock it");
      await attempt({ environment: NEW, typed: ["0000\r"] }, 0, "one try is left, a wrong PIN locks it");
      await attempt({ environment }, 0, "the security officer's PIN is locked");
      assertEquals([card.calls("C_Login"), card.calls("C_InitPIN")], [3, 0]);
    }));

  it("proves the old PIN by a login: some modules call one changed that is not", () =>
    withCard(async () => {
      card.set("silentSetPin", 1);
      const wrong = await run("pin change pkcs11:token=card", { environment: { GP11_PIN: "0000", ...NEW } });
      assertEquals([wrong.code, card.tries, card.calls("C_SetPIN")], [1, 2, 0]);
      const right = await run("pin change pkcs11:token=card", { environment: { GP11_PIN: "1234", ...NEW } });
      assertEquals([right.code, card.tries, card.sessions], [0, 3, 0], right.errors);
      const changed = await run("objects pkcs11:token=card --login", { environment: { GP11_PIN: "13579" } });
      assertEquals(changed.code, 0, changed.errors);
    }));

  it("changes one that the card lets nobody use before it is changed", () =>
    withCard(async () => {
      card.set("pinExpired", 1);
      const used = await run("objects pkcs11:token=card --login", { environment: { GP11_PIN: "1234" } });
      assertEquals(used.code, 1);
      assertStringIncludes(used.errors, "hint: gp11 pin change sets a new one");
      const changed = await run("pin change pkcs11:token=card", { environment: { GP11_PIN: "1234", ...NEW } });
      assertEquals([changed.code, card.tries], [0, 3], changed.errors);
      const again = await run("objects pkcs11:token=card --login", { environment: { GP11_PIN: "13579" } });
      assertEquals(again.code, 0, again.errors);
    }));

  it("leaves both PINs to the keys of a reader that has some", () =>
    withCard(async () => {
      for (const line of ["pin change pkcs11:token=card", "pin unblock pkcs11:token=card"]) {
        card.set("pinPad", 1);
        const { code, errors, terminals } = await run(line, { environment: {}, typed: [] });
        assertEquals([code, terminals.opened], [0, 0], errors);
        assertStringIncludes(errors, 'enter both PINs of the token "card" at its reader');
      }
      assertEquals([card.calls("C_SetPIN"), card.calls("C_InitPIN")], [1, 1]);
    }));
});

describe("gp11 init", { skip: softhsmSkip }, () => {
  let module: string;
  let count = 0;

  before(() => {
    module = softhsmModule()!;
  });

  const gp11 = (args: readonly string[], options: CommandLineOptions = {}) =>
    commandLine(["-m", module, ...args], options);

  /** The number of a slot whose token is not initialised: SoftHSM always has one. */
  async function freeSlot(): Promise<string> {
    const { text } = await gp11(["slots", "--json"]);
    const slots = JSON.parse(text) as { id: string; token: { state: string } | null }[];
    return slots.find(({ token }) => token?.state === "not initialised")!.id;
  }

  const fresh = () => `init test ${++count} ${Math.random().toString(36).slice(2)}`;
  const uriOf = (label: string) => `pkcs11:token=${encodeURIComponent(label)}`;

  it("initialises a new token with the PINs that are typed, each twice", async () => {
    const label = fresh();
    const made = await gp11(["init", await freeSlot(), "--label", label], {
      typed: ["88887777\r", "88887777\r", "13579\r", "13579\r"],
    });
    assertEquals([made.code, made.terminals], [0, { opened: 4, closed: 4 }], made.errors);
    assertMatch(made.text, /^initialised {2}pkcs11:/);
    assertMatch(
      made.shown,
      /^Security officer's PIN for "[^\n]+": \n[^\n]+\nUser's PIN for [^\n]+, Enter for none yet: \n/,
    );
    assertQuiet(made);
    const objects = await gp11(["objects", uriOf(label), "--login"], { environment: { GP11_PIN: "13579" } });
    assertEquals(objects.code, 0, objects.errors);
  });

  it("sets no PIN of the user's where none is given, and says which command does", async () => {
    for (
      const options of [{ typed: ["88887777\r", "88887777\r", "\r"] }, { environment: { GP11_SO_PIN: "88887777" } }]
    ) {
      const label = fresh();
      const { code, errors, text } = await gp11(
        ["init", `pkcs11:slot-id=${await freeSlot()}`, "--label", label, "--json"],
        options,
      );
      assertEquals([code, JSON.parse(text).userPin], [0, false], errors);
      assertStringIncludes(errors, "gp11 pin unblock");
      const used = await gp11(["objects", uriOf(label), "--login"], { environment: { GP11_PIN: "13579" } });
      assertStringIncludes(
        used.errors,
        "it has no user PIN yet\nhint: The security officer sets the first: gp11 pin unblock",
      );
    }
  });

  it("names what would be lost of what was initialised before, wants a yes from a person or --yes, and its PIN", async () => {
    const label = fresh();
    const environment = { GP11_SO_PIN: "88887777", GP11_NEW_PIN: "13579" };
    await gp11(["init", await freeSlot(), "--label", label], { environment });
    await gp11(["keygen", uriOf(label), "--type", "ec", "--label", "lost"], { environment: { GP11_PIN: "13579" } });
    const refused = await gp11(["init", uriOf(label), "--label", label], { environment });
    assertEquals(refused.code, 2);
    assertStringIncludes(refused.errors, "everything on it would be lost, private keys too; give --yes");
    assertStringIncludes(refused.errors, "object=lost;type=public");
    const wrong = await gp11(["init", uriOf(label), "--label", label, "--yes"], {
      environment: { ...environment, GP11_SO_PIN: "2468a2468a" },
    });
    assertEquals(wrong.code, 1);
    assertStringIncludes(wrong.errors, "the security officer's PIN from GP11_SO_PIN is wrong");
    const left = await gp11(["objects", uriOf(label)]);
    assertStringIncludes(left.text, "object=lost;type=public");
    const no = await gp11(["init", uriOf(label), "--label", label], { environment, typed: ["n"] });
    assertEquals([no.code, no.terminals.closed], [1, 1]);
    assertMatch(
      no.shown,
      /object=lost;type=public[^]*Everything on .* will be lost, private keys too[^]*Initialise it\?/,
    );
    assertStringIncludes(no.errors, "nobody said yes");
    assertStringIncludes((await gp11(["objects", uriOf(label)])).text, "object=lost;type=public");
    const again = await gp11(["init", uriOf(label), "--label", label, "--yes"], { environment });
    assertEquals(again.code, 0, again.errors);
    assertEquals((await gp11(["objects", uriOf(label)])).text, "");
    const yes = await gp11(["init", uriOf(label), "--label", label], { environment, typed: ["y"] });
    assertEquals(yes.code, 0, yes.errors);
    for (const each of [refused, wrong, no, again, yes]) assertQuiet(each);
  });

  it("refuses labels and PINs that no token has before anybody is asked, and slots that are several", async () => {
    const slot = await freeSlot();
    const long = await gp11(["init", slot, "--label", "ä".repeat(17)], { typed: [] });
    assertEquals([long.code, long.terminals.opened], [2, 0]);
    assertStringIncludes(long.errors, "it has 34 bytes, a token's label at most 32");
    const short = await gp11(["init", slot, "--label", fresh()], { environment: { GP11_SO_PIN: "123" } });
    assertEquals(short.code, 1);
    assertStringIncludes(short.errors, "too short");
    const several = await gp11(["init", "pkcs11:", "--label", "x", "--yes"], { environment: {} });
    assertEquals(several.code, 1);
    assertStringIncludes(several.errors, `pkcs11:slot-id=${slot}`);
    assertEquals((await gp11(["init", "99999999", "--label", "x"])).code, 1);
  });

  it("is told by whoever wants to use a token that is not initialised", async () => {
    const { code, errors } = await gp11(["objects", `pkcs11:slot-id=${await freeSlot()}`]);
    assertEquals(code, 1);
    assert(errors.length > 0);
    const used = await gp11(["keygen", `pkcs11:slot-id=${await freeSlot()}`, "--type", "ec", "--label", "x"]);
    assertStringIncludes(used.errors, "it is not initialised\nhint: gp11 init does that");
  });

  it("takes the PINs from files", async () => {
    const [label, folder] = [fresh(), temporaryFolder("init")];
    writeFileSync(`${folder}/so`, "88887777\n");
    writeFileSync(`${folder}/user`, "13579\n");
    const files = ["--so-pin-source", `${folder}/so`, "--new-pin-source", `file:${folder}/user`];
    const { code, errors } = await gp11(["init", await freeSlot(), "--label", label, ...files]);
    assertEquals(code, 0, errors);
    const objects = await gp11(["objects", uriOf(label), "--login"], { environment: { GP11_PIN: "13579" } });
    assertEquals(objects.code, 0, objects.errors);
  });
});

describe("gp11 init and gp11 pin on a database of NSS", { skip: softoknSkip }, () => {
  it("set its first PIN and another, where no officer has one", async () => {
    const { module, reserved, slotId } = createSoftoknDatabase();
    const gp11 = (line: string, environment: Readonly<Record<string, string>>) =>
      commandLine(["-m", module, "--reserved", reserved, ...line.split(" ")], { environment });
    const made = await gp11(`init ${slotId} --label any --json`, { GP11_SO_PIN: "88887777", GP11_NEW_PIN: "13579" });
    assertEquals(made.code, 0, made.errors);
    const { uri } = JSON.parse(made.text) as { uri: string };
    const wrong = await gp11(`pin change ${uri}`, { GP11_PIN: "2468a", GP11_NEW_PIN: "97531" });
    assertEquals(wrong.code, 1);
    assertStringIncludes(wrong.errors, "the PIN from GP11_PIN is wrong");
    const changed = await gp11(`pin change ${uri}`, { GP11_PIN: "13579", GP11_NEW_PIN: "97531" });
    assertEquals(changed.code, 0, changed.errors);
    const key = await gp11(`keygen ${uri} --type ec --label first`, { GP11_PIN: "97531" });
    assertEquals(key.code, 0, key.errors);
    for (const each of [made, wrong, changed, key]) assertQuiet(each);
  });
});
