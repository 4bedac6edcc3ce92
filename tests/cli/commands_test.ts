// The commands on a token of SoftHSM2: cli/commands, cli/tokens; and every line of the sh blocks of docs/command-line.md,
// which works when pasted, in order.
import { assert, assertEquals, assertFalse, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { execFileSync } from "node:child_process";
import { createHash, createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { text } from "node:stream/consumers";
import { before, describe, it } from "node:test";
import { closedReader, commandLine, type CommandLineOptions } from "../_support/command_line.ts";
import { TokenCommands } from "../_support/token_commands.ts";
import { CKM, CKO } from "../../ffi/constants/mod.ts";
import { ObjectNotFoundError } from "../../session/errors.ts";
import { Module } from "../../session/tokens/module.ts";
import { findSlot } from "../_support/token_session.ts";
import { InterruptedError } from "../../cli/terminal/errors.ts";
import { p11KitModulePath, programPath, softhsmPath } from "../../tools/native_libraries.ts";
import { freePort } from "../_support/server_programs.ts";
import { reply, socketServer } from "../_support/socket_server.ts";
import { makeCertificates } from "../_support/tls_certificates.ts";
import { createToken, softhsmFolder, softhsmSkip, type TestToken } from "../_support/softhsm.ts";
import { createSoftoknDatabase, softoknSkip } from "../_support/softokn.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const trustSkip = p11KitModulePath("trust") === null ? "p11-kit's trust module is not installed" : false;
const opensslSkip = softhsmSkip || (programPath("openssl") === null ? "OpenSSL is not installed" : false);

const sshSkip = programPath("ssh-keygen") === null ? "OpenSSH is not installed" : false;
const noPipe = programPath("mkfifo") === null ? "mkfifo is not installed" : false;

const RELEASE = "release 1.0\n";

/** No text in UTF-8. */
const BINARY = Uint8Array.of(0, 255, 128);

describe("the command line", { skip: softhsmSkip }, () => {
  let token: TestToken;
  let folder: string;
  let gp11: TokenCommands["run"];
  let done: TokenCommands["done"];

  before(async () => {
    const commands = new TokenCommands();
    ({ folder, token } = commands);
    gp11 = (...args) => commands.run(...args);
    done = (...args) => commands.done(...args);
    writeFileSync(`${folder}/release.txt`, RELEASE);
    await done("keygen TOKEN --type ec --label release --id 01");
    await done("keygen TOKEN --type aes --label backup");
    await done("keygen TOKEN --type rsa --bits 2048 --label archive");
  });

  describe("for whoever looks", () => {
    it("lists modules, slots and mechanisms, for people and for programs", async () => {
      assertStringIncludes((await done("modules")).text, token.module);
      const slots = JSON.parse((await done("slots --json")).text) as { token: { label: string; uri: string } | null }[];
      const own = slots.find((slot) => slot.token?.label === token.label)!;
      assertStringIncludes((await done("slots")).text, own.token!.uri);
      const mechanisms = JSON.parse((await done(`mechanisms ${own.token!.uri} --json`)).text) as { name: string }[];
      assert(mechanisms.some(({ name }) => name === "CKM_ECDSA"));
      assertMatch((await done("mechanisms TOKEN")).text, /CKM_AES_GCM +16 to 32 +.*encrypt/);
    });

    it("lists private objects after a login alone, and says so", async () => {
      const all = JSON.parse((await done("objects TOKEN --json")).text) as { type: string; label: string }[];
      const named = all.map(({ label, type }) => `${type} ${label}`).sort();
      assertEquals(named, [
        "private archive",
        "private release",
        "public archive",
        "public release",
        "secret-key backup",
      ]);
      const { errors, text } = await gp11("objects TOKEN", { environment: {} });
      assert(!text.includes("private") && text.includes("release"), text);
      assertStringIncludes(errors, "--login");
      assertEquals((await gp11("objects TOKEN;object=none")).text, "");
    });

    it("names what is there where a URI means nothing or too much", async () => {
      const missing = await gp11("sign pkcs11:token=nobody --in FOLDER/release.txt");
      assertEquals(missing.code, 1);
      assertStringIncludes(missing.errors, `token=${encodeURIComponent(token.label)}`);
      const several = await gp11("sign TOKEN --in FOLDER/release.txt");
      assertEquals(several.code, 1);
      assertStringIncludes(several.errors, "object=release;type=private");
      assertStringIncludes(several.errors, "object=archive;type=private");
      assertStringIncludes((await gp11("sign TOKEN;object=none")).errors, "gp11 objects lists what it has");
    });
  });

  describe("for a release engineer", () => {
    it("signs so that others verify, by the default of each kind of key and by name", async () => {
      const kinds: [label: string, mechanism: string][] = [
        ["release", ""],
        ["archive", ""],
        ["archive", "CKM_SHA256_RSA_PKCS"],
        ["archive", "PS256"],
      ];
      for (const [label, mechanism] of kinds) {
        const option = mechanism === "" ? "" : ` --mechanism ${mechanism}`;
        await done(`sign TOKEN;object=${label} --in FOLDER/release.txt --out FOLDER/release.sig${option}`);
        const { text: pem } = await done(`export TOKEN;object=${label}`, { environment: {} });
        const pss = mechanism === "PS256" ? { padding: 6, saltLength: 32 } : {};
        const signature = readFileSync(`${folder}/release.sig`);
        assert(verify("sha256", Buffer.from(RELEASE), { key: createPublicKey(pem), ...pss }, signature), label);
        const { text } = await done(
          `verify TOKEN;object=${label} --in FOLDER/release.txt --signature FOLDER/release.sig${option}`,
          { environment: {} },
        );
        assertEquals(text, "The signature is right\n");
      }
    });

    it("is told when a key gets the label of another one, by keygen and import, and where a login is missing", async () => {
      assertEquals((await done("keygen TOKEN --type ec --label twin")).errors, "");
      const again = await done("keygen TOKEN --type ec --label twin");
      assertStringIncludes(again.errors, 'the token has 2 private keys with the label "twin" now: name each by its id');
      assertEquals((await done("keygen TOKEN --type aes --label twin")).errors, "");
      const input = String(
        generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }),
      );
      assertStringIncludes(
        (await done("import TOKEN --label twin", { input })).errors,
        "has 3 private keys with the label",
      );
      await done("delete TOKEN;object=twin --yes");
      const module = await Module.load(token.module, { managed: false });
      try {
        const session = await findSlot(module, token.label).openSession();
        const hint = "; the session is not logged in, and private objects are seen after a login only";
        const wanted = { class: CKO.PRIVATE_KEY, label: "release" };
        for (const look of [() => session.findObject(wanted), async () => await session.findObjectSync(wanted)]) {
          const { message } = await assertRejects(look, ObjectNotFoundError);
          assert(message.endsWith(hint), message);
        }
        const other = () => session.findObject({ class: CKO.CERTIFICATE, label: "release" });
        const { message } = await assertRejects(other, ObjectNotFoundError);
        assert(!message.includes("login"), message);
      } finally {
        await module.close();
      }
    });

    it("says that a signature is wrong, in either form of ECDSA, by exit code 1", async () => {
      for (const form of ["der", "raw"]) {
        await done(`sign TOKEN;object=release -i FOLDER/release.txt -o FOLDER/form.sig --signature-format ${form}`);
        assertEquals(form === "raw", readFileSync(`${folder}/form.sig`).length === 64);
        const line = "verify TOKEN;object=release --signature FOLDER/form.sig";
        assertEquals((await gp11(line, { input: RELEASE })).code, 0);
        const wrong = await gp11(line, { input: "release 1.1\n" });
        assertEquals([wrong.code, wrong.text], [1, ""]);
        assertMatch(wrong.errors, /the signature is wrong, for this file and this key with ES256\nhint: .*--mechanism/);
        const json = await gp11(`${line} --json`, { input: "release 1.1\n" });
        assertEquals([json.code, JSON.parse(json.text)], [1, { valid: false }]);
      }
      writeFileSync(`${folder}/form.sig`, "no signature");
      assertEquals((await gp11("verify TOKEN;object=release -s FOLDER/form.sig", { input: RELEASE })).code, 1);
    });

    it("reads standard input and writes standard output; a terminal is shown base64, not bytes", async () => {
      const { bytes } = await done("sign TOKEN;object=archive", { input: RELEASE });
      assertEquals(bytes.length, 256);
      const shown = await done("sign TOKEN;object=archive", { input: RELEASE, isTerminal: true });
      assertEquals(shown.text, `${bytes.toBase64()}\n`);
      const json = JSON.parse((await done("sign TOKEN;object=archive --json", { input: RELEASE })).text);
      assertEquals([json.algorithm, json.signature], [
        "RS256",
        bytes.toBase64({ alphabet: "base64url", omitPadding: true }),
      ]);
      assertFalse("file" in json);
    });

    it("tells as JSON which file has a signature, a request or a certificate", async () => {
      const line = "sign TOKEN;object=archive --json --out FOLDER/told.sig";
      const { file, signature } = JSON.parse((await done(line, { input: RELEASE })).text);
      assertEquals(file, `${folder}/told.sig`);
      assertEquals(readFileSync(file).toString("base64url"), signature);
      for (const name of ["request", "certificate --days 9"]) {
        const made = await done(`${name} TOKEN;object=release --subject CN=told --json --out FOLDER/told.pem`);
        const told = JSON.parse(made.text);
        assertEquals(told.file, `${folder}/told.pem`);
        assertEquals(readFileSync(told.file, "utf8"), told.pem);
      }
    });

    it("suggests a mechanism, and tells which algorithms a key has", async () => {
      const unknown = await gp11("sign TOKEN;object=release --mechanism ECDSA_SHA255");
      assertEquals(unknown.code, 2);
      assertStringIncludes(unknown.errors, "CKM_ECDSA_SHA256");
      const other = await gp11("sign TOKEN;object=release --mechanism RS256");
      assertEquals(other.code, 2);
      assertStringIncludes(other.errors, "EC P-256 has ES256");
    });
  });

  describe("for files", () => {
    it("encrypts and decrypts, with AES and with RSA, short files and long ones", async () => {
      const long = new Uint8Array(3 << 19).fill(7);
      writeFileSync(`${folder}/long`, long);
      await done("encrypt TOKEN;object=backup --in FOLDER/long --out FOLDER/long.enc");
      assertEquals(statSync(`${folder}/long.enc`).size, long.length + 12 + 16);
      await done("decrypt TOKEN;object=backup --in FOLDER/long.enc --out FOLDER/long.dec");
      const digest = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
      assertEquals(digest(`${folder}/long.dec`), digest(`${folder}/long`));
      for (const option of ["", " --mechanism AES_CBC_PAD"]) {
        const { bytes } = await done(`encrypt TOKEN;object=backup${option}`, { input: RELEASE });
        assertEquals((await done(`decrypt TOKEN;object=backup${option}`, { input: bytes })).text, RELEASE);
      }
      const { bytes } = await done("encrypt TOKEN;object=archive", { input: RELEASE, environment: {} });
      assertEquals((await done("decrypt TOKEN;object=archive", { input: bytes })).text, RELEASE);
    });

    it("tells as JSON which file it has written, and puts none into JSON", async () => {
      const line = "encrypt TOKEN;object=backup --json";
      for (const out of ["", " --out -"]) {
        const { code, errors, text } = await gp11(line + out, { input: RELEASE, environment: {} });
        assertEquals([code, text, JSON.parse(errors).error.name], [2, "", "UsageError"]);
      }
      const told = JSON.parse((await done(`${line} --out FOLDER/told.enc`, { input: RELEASE })).text);
      assertEquals([told.mechanism, told.file], ["CKM_AES_GCM", `${folder}/told.enc`]);
      const clear = "decrypt TOKEN;object=backup --json --in FOLDER/told.enc --out FOLDER/told";
      assertEquals(JSON.parse((await done(clear)).text), { ...told, file: `${folder}/told` });
      assertEquals(readFileSync(`${folder}/told`, "utf8"), RELEASE);
    });

    it("exports as JSON: the form under its name, or the file that has it", async () => {
      const line = "export TOKEN;object=release;type=public";
      const json = async (rest: string) => JSON.parse((await done(`${rest} --json`)).text);
      const { text: pem } = await done(line);
      const { uri, ...form } = await json(line);
      assertEquals(form, { format: "pem", pem });
      assertStringIncludes(uri, "object=release");
      const { bytes } = await done(`${line} --format der`);
      assertEquals(
        (await json(`${line} --format der`)).der,
        bytes.toBase64({ alphabet: "base64url", omitPadding: true }),
      );
      assertEquals((await json(`${line} --format jwk`)).jwk.crv, "P-256");
      assertMatch((await json(`${line} --format ssh`)).ssh, /^ecdsa-sha2-nistp256 /);
      const file = `${folder}/told.pem`;
      assertEquals(await json(`${line} --out FOLDER/told.pem`), { uri, format: "pem", file });
      assertEquals(readFileSync(file, "utf8"), pem);
    });

    it("tells the most that an RSA key takes", async () => {
      const cases: [bytes: number, option: string, most: string][] = [
        [1000, "", "190, and with --hash SHA-1 214"],
        [200, " --hash SHA-256", "190"],
        [246, " --mechanism RSA_PKCS", "245"],
      ];
      for (const [bytes, option, most] of cases) {
        const input = new Uint8Array(bytes);
        const { code, errors, text } = await gp11(`encrypt TOKEN;object=archive${option}`, { input });
        assertEquals([code, text], [1, ""]);
        assertStringIncludes(errors, `it has ${bytes} bytes, and with CKM_RSA_PKCS`);
        assertStringIncludes(errors, `this key takes at most ${most}\nhint: `);
      }
      await done("encrypt TOKEN;object=archive --mechanism RSA_PKCS", { input: new Uint8Array(245) });
    });

    it("leaves nothing of a file that was damaged, or is no file of the key", async () => {
      const { bytes } = await done("encrypt TOKEN;object=backup", { input: RELEASE });
      bytes[20]! ^= 1;
      const { code, text } = await gp11("decrypt TOKEN;object=backup --out FOLDER/damaged", { input: bytes });
      assertEquals([code, text, existsSync(`${folder}/damaged`)], [1, "", false]);
      const short = await gp11("decrypt TOKEN;object=backup", { input: "short" });
      assertEquals(short.code, 1);
      assertStringIncludes(short.errors, "the first 12 are the IV");
      assertEquals(readdirSync(folder).filter((name) => name.endsWith(".tmp")), []);
    });

    it("brings keys and certificates in and lets out what may leave", async () => {
      const made = JSON.parse((await done("keygen TOKEN --type ec --label out --extractable --json")).text);
      await done("export TOKEN;object=out;type=private --out FOLDER/out.pem");
      assertEquals(process.platform === "win32" ? 0o600 : statSync(`${folder}/out.pem`).mode & 0o777, 0o600);
      assertEquals((await gp11("delete TOKEN;object=out")).code, 2);
      assertStringIncludes((await done("delete TOKEN;object=out --yes")).text, made.privateKey);
      await done("import TOKEN --in FOLDER/out.pem --label in");
      assertEquals((await done("export TOKEN;object=in")).text, made.pem);
      const kept = await gp11("export TOKEN;object=in;type=private");
      assertEquals(kept.code, 1);
      assertStringIncludes(kept.errors, "type=public");
      const secret = await gp11("export TOKEN;object=backup");
      assertStringIncludes(secret.errors, "of a pair, type=public");
      assertStringIncludes((await gp11("export TOKEN;object=in --format csv")).errors, "pem, der, jwk, raw, ssh");
      assertEquals((await gp11("import TOKEN", { input: "nonsense" })).code, 1);
      await done("delete TOKEN;object=in --yes");
    });

    it("writes public halves for SSH, whatever has them", { skip: sshSkip }, async () => {
      await done("keygen TOKEN --type ed25519 --label edwards");
      await done("keygen TOKEN --type ec --curve P-521 --label large");
      const kinds = { archive: "RSA", release: "ECDSA", large: "ECDSA", edwards: "ED25519" };
      for (const [label, kind] of Object.entries(kinds)) {
        const line = (await done(`export TOKEN;object=${label} --format ssh`, { environment: {} })).text;
        assertEquals((await done(`export TOKEN;object=${label};type=private --format ssh`)).text, line);
        writeFileSync(`${folder}/key.pub`, line);
        const shown = execFileSync("ssh-keygen", ["-l", "-f", `${folder}/key.pub`], { encoding: "utf8" });
        assertMatch(shown, new RegExp(`^\\d+ SHA256:\\S+ ${label} \\(${kind}\\)\n$`));
        // OpenSSH writes no Ed25519 key in another form.
        if (kind === "ED25519") continue;
        const back = execFileSync("ssh-keygen", ["-e", "-m", "PKCS8", "-f", `${folder}/key.pub`], { encoding: "utf8" });
        assertEquals(back, (await done(`export TOKEN;object=${label}`)).text);
      }
      for (const label of ["edwards", "large"]) await done(`delete TOKEN;object=${label} --yes`);
      await done("keygen TOKEN --type ec --curve secp256k1 --label other");
      const other = await gp11("export TOKEN;object=other --format ssh");
      assertEquals(other.code, 1);
      assertStringIncludes(other.errors, "Cannot export the secp256k1 key for SSH: OpenSSH has no such keys");
      assertEquals((await gp11("export TOKEN;object=backup --format ssh")).code, 2);
      await done("delete TOKEN;object=other --yes");
    });

    it(
      "says how a file of other programs becomes one that can be brought in",
      { skip: opensslSkip || sshSkip },
      async () => {
        execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", `${folder}/ssh`]);
        const ssh = await gp11("import TOKEN --in FOLDER/ssh");
        assertEquals(ssh.code, 1);
        assertMatch(ssh.errors, /it is a key in OpenSSH's own form\nhint: .*ssh-keygen -p -m PKCS8/);
        const pair = ["req", "-x509", "-newkey", "ed25519", "-noenc", "-subj", "/CN=bag"];
        execFileSync("openssl", [...pair, "-keyout", `${folder}/bag.key`, "-out", `${folder}/bag.crt`], {
          stdio: "pipe",
        });
        const files = ["-inkey", `${folder}/bag.key`, "-in", `${folder}/bag.crt`, "-out", `${folder}/bag.p12`];
        execFileSync("openssl", ["pkcs12", "-export", "-passout", "pass:geheim", ...files]);
        const bag = await gp11("import TOKEN --in FOLDER/bag.p12");
        assertEquals(bag.code, 1);
        assertMatch(bag.errors, /it is a PKCS #12 file\nhint: .*openssl pkcs12/);
      },
    );

    it("deletes after a yes alone, and never a whole token", async () => {
      await done("keygen TOKEN --type hmac --label old");
      const no = await gp11("delete TOKEN;object=old", { typed: ["n"] });
      assertEquals([no.code, no.terminals.closed], [1, 1]);
      assertStringIncludes(no.shown, "object=old");
      assertEquals((await gp11("delete TOKEN --yes")).code, 2);
      await done("delete TOKEN;object=old", { typed: ["y"] });
      assertEquals((await gp11("delete TOKEN;object=old --yes")).code, 1);
    });
  });

  describe("for keys with names that others have", () => {
    it("makes and brings in none with an id that a key of its class has, and leaves what is there", async () => {
      const uris = async () =>
        (JSON.parse((await done("objects TOKEN --json")).text) as { uri: string }[]).map((each) => each.uri).sort();
      const before = await uris();
      for (
        const line of ["keygen TOKEN --type ec --label twin --id 01", "keygen TOKEN --type rsa --label twin --id 01"]
      ) {
        const { code, errors } = await gp11(line);
        assertEquals(code, 1);
        assertStringIncludes(errors, "Cannot use the id 01: the token has a private key with it, pkcs11:");
        assertStringIncludes(errors, "object=release;type=private");
      }
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      writeFileSync(`${folder}/twin.pem`, privateKey.export({ type: "pkcs8", format: "pem" }));
      const twin = await gp11("import TOKEN --in FOLDER/twin.pem --label twin --id 01");
      assertEquals(twin.code, 1);
      assertStringIncludes(twin.errors, "Cannot use the id 01: the token has a private key with it");
      assertEquals(await uris(), before);
      assertStringIncludes(twin.errors, "Give another --id, or delete that key first (gp11 delete).");
      await done("keygen TOKEN --type aes --label twin --id 01");
      await done("delete TOKEN;object=twin --yes");
    });

    it("says of a key that is brought in twice that it is there, by which URI, and how to have it once more", async () => {
      const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      writeFileSync(`${folder}/again.pem`, privateKey.export({ type: "pkcs8", format: "pem" }));
      writeFileSync(`${folder}/half.pem`, publicKey.export({ type: "spki", format: "pem" }));
      await done("import TOKEN --in FOLDER/again.pem --label again");
      for (const [file, kind] of [["again", "private"], ["half", "public"]]) {
        const { code, errors } = await gp11(`import TOKEN --in FOLDER/${file}.pem`);
        assertEquals(code, 1);
        assertStringIncludes(errors, `Cannot import the ${kind} key: the token has one with the id that is made of it`);
        assertStringIncludes(errors, `object=again;type=${kind}`);
        assertStringIncludes(errors, "use it by that URI. To have it once more, give another --id, or delete that key");
      }
      await done("import TOKEN --in FOLDER/again.pem --label again --id 77");
      await done("delete TOKEN;object=again --yes");
    });

    it("says that no URI tells those apart that other tools have given one id and label", async () => {
      const module = await Module.load(token.module, { managed: false });
      const session = await findSlot(module, token.label).openSession({
        readWrite: true,
        login: { pin: token.userPin },
      });
      const names = { token: true, id: Uint8Array.of(7), label: "same" };
      for (let n = 0; n < 2; n++) {
        await session.generateKey(CKM.GENERIC_SECRET_KEY_GEN, { valueLen: 32, sign: true, ...names });
      }
      await module.close();
      const { code, errors } = await gp11("sign TOKEN;object=same --in FOLDER/release.txt");
      assertEquals(code, 1);
      assertStringIncludes(errors, "Cannot choose a key to sign with: 2 match");
      assertStringIncludes(errors, "No URI tells those apart that have the same id and label");
      await done("delete TOKEN;object=same --yes");
    });
  });

  describe("for a person with a PIN", () => {
    it("asks without showing it, corrects what was typed, and asks nobody for what anybody may see", async () => {
      const { shown, terminals } = await done("sign TOKEN;object=release", {
        input: RELEASE,
        environment: {},
        typed: ["12x\u007f3é\u007f\u001b[A4\r"],
      });
      assertEquals(shown.trim(), `PIN of ${JSON.stringify(token.label)}:`);
      assertEquals(terminals, { opened: 1, closed: 1 });
      const looked = await done("export TOKEN;object=release", { environment: {}, typed: [] });
      assertEquals(looked.terminals.opened, 0);
    });

    it("tells of a pin-source that is not there, and what one is", async () => {
      const { code, errors } = await gp11("objects TOKEN?pin-source=FOLDER/no-pin --login");
      const path = `${folder}/no-pin`;
      assertEquals(code, 1);
      assertStringIncludes(
        errors,
        `error: Cannot read the PIN file ${path}: no such file or directory (ENOENT)\nhint: `,
      );
    });

    it("reads no pipe for a PIN, and names the variable for what a program writes", { skip: noPipe }, async () => {
      execFileSync("mkfifo", [`${folder}/pipe`]);
      const { code, errors } = await gp11("objects TOKEN?pin-source=FOLDER/pipe --login");
      assertEquals(code, 1);
      assertMatch(errors, /it is no regular file\nhint: .* A program's output goes into GP11_PIN\.\n$/);
    });

    it("tells of a wrong passphrase before it asks for the PIN", { skip: opensslSkip }, async () => {
      const [file, secret] = [`${folder}/locked.pem`, "pass:geheim"];
      execFileSync("openssl", ["genpkey", "-algorithm", "ED25519", "-aes256", "-pass", secret, "-out", file]);
      const line = "import TOKEN --in FOLDER/locked.pem --label locked";
      const wrong = await gp11(line, { environment: {}, typed: ["falsch\r", `${token.userPin}\r`] });
      assertEquals([wrong.code, wrong.terminals.opened], [1, 1], wrong.errors + wrong.shown);
      assertStringIncludes(wrong.errors, "passphrase");
      const right = await done(line, { environment: {}, typed: ["geheim\r", `${token.userPin}\r`] });
      assertEquals(right.terminals, { opened: 2, closed: 2 });
      await done("delete TOKEN;object=locked --yes");
    });

    it("asks nobody for a PIN to use on a file that is not there", async () => {
      const lines = [
        "sign TOKEN;object=release",
        "decrypt TOKEN;object=backup",
        "encrypt TOKEN;object=backup",
        "verify TOKEN;object=release --signature FOLDER/release.txt",
      ];
      for (const line of lines) {
        const { code, errors, terminals } = await gp11(`${line} --in FOLDER/absent`, { environment: {}, typed: [] });
        assertEquals([code, terminals.opened], [1, 0], line);
        assertStringIncludes(errors, "there is no such file or folder");
      }
    });

    it("tries a wrong PIN once, says where it came from and what the token says of tries", async () => {
      const own = createToken();
      const wrong = async (options: CommandLineOptions) =>
        await commandLine(
          ["-m", own.module, "objects", `pkcs11:token=${encodeURIComponent(own.label)}`, "--login"],
          options,
        );
      const typed = await wrong({ typed: ["8172\r", "1234\r"] });
      assertEquals([typed.code, typed.terminals.opened], [1, 1]);
      assertStringIncludes(typed.errors, "the PIN from the terminal is wrong");
      assertStringIncludes(typed.errors, "counts wrong PINs");
      const given = await wrong({ environment: { GP11_PIN: "8172" } });
      assertStringIncludes(given.errors, "the PIN from GP11_PIN is wrong");
      const program = await wrong({ environment: { GP11_PIN: "8172" } }).then(({ code }) => code);
      assertEquals(program, 1);
      const again = await wrong({ typed: ["1234\r"] });
      assertEquals(again.code, 0);
      assertStringIncludes(again.shown, "a wrong PIN was given before");
      for (const { errors, shown, text } of [typed, given]) assert(!`${errors}${shown}${text}`.includes("8172"));
    });

    it("takes a PIN from a file that the URI names, before the environment", async () => {
      writeFileSync(`${folder}/pin`, `${token.userPin}\n`);
      const line = "sign TOKEN;object=archive?pin-source=file:FOLDER/pin";
      await done(line, { input: RELEASE, environment: { GP11_PIN: "wrong" } });
      const missing = await gp11("sign TOKEN;object=archive?pin-source=nobody", { input: RELEASE });
      assertEquals(missing.code, 1);
      assertStringIncludes(missing.errors, "pin-source nobody has no PIN");
      writeFileSync(`${folder}/empty`, "\n");
      const empty = await gp11("sign TOKEN;object=archive?pin-source=FOLDER/empty --log-calls", { input: RELEASE });
      assertEquals(empty.code, 1);
      assertStringIncludes(empty.errors, "/empty is empty");
      assert(!empty.errors.includes("C_Login"));
    });

    it("says what to do where there is neither a PIN nor a terminal", async () => {
      const { code, errors } = await gp11("sign TOKEN;object=release", { environment: {} });
      assertEquals(code, 1);
      assertStringIncludes(errors, "GP11_PIN");
      for (const typed of ["\u0004", "\r"]) {
        const line = "sign TOKEN;object=release --log-calls";
        const declined = await gp11(line, { environment: { GP11_PIN: "" }, typed: [typed] });
        assertEquals(declined.code, 1);
        assertStringIncludes(declined.errors, "no PIN was given");
        assert(!declined.errors.includes("C_Login"));
      }
    });

    it("ends with Control-C and a signal, as interrupted, and gives the terminal back", async () => {
      const typed = await gp11("sign TOKEN;object=release", { environment: {}, typed: ["12\u0003"] });
      assertEquals([typed.code, typed.terminals.closed], [130, 1]);
      const signal = AbortSignal.abort(new InterruptedError("SIGTERM"));
      assertEquals((await gp11("sign TOKEN;object=release", { signal })).code, 143);
    });

    for (
      const line of [
        "sign TOKEN;object=release",
        "sign TOKEN;object=archive",
        "encrypt TOKEN;object=backup",
        "decrypt TOKEN;object=backup",
        "import TOKEN",
        "verify TOKEN;object=release --signature FOLDER/release.txt",
        "fetch http://127.0.0.1:9/ --in -",
      ]
    ) {
      it(`ends when it is interrupted while it waits for what it reads: ${line}`, async () => {
        const controller = new AbortController();
        const waiting = () => void setTimeout(() => controller.abort(new InterruptedError("SIGTERM")));
        const { code, errors } = await gp11(`${line} --log-calls`, { input: null, signal: controller.signal, waiting });
        assertEquals(code, 143, errors);
        const count = (name: string) => errors.split(`${name} = CKR_OK`).length;
        assertEquals(count("C_OpenSession"), count("C_CloseSession"));
        assertMatch(errors, /Interrupted/);
      });
    }

    it("ends what runs when it is interrupted, and the session with its login", async () => {
      const controller = new AbortController();
      const { code, errors } = await gp11("encrypt TOKEN;object=backup --log-calls", {
        input: new Uint8Array(3 << 19),
        signal: controller.signal,
        reader: () => controller.abort(new InterruptedError("SIGINT")),
      });
      assertEquals(code, 130);
      assertMatch(errors, /C_Login = CKR_OK\n[^]*C_CloseSession = CKR_OK\n[^]*C_Finalize = CKR_OK\n[^]*Interrupted/);
    });
  });

  describe("for requests", () => {
    it("signs with a key of the token, sends a file, and fails on a status from 400 on", async () => {
      const seen: { method: string | undefined; headers: IncomingHttpHeaders; body: string }[] = [];
      const server = createServer(async (request, response) => {
        seen.push({ method: request.method, headers: request.headers, body: await text(request) });
        response.writeHead(request.url === "/missing" ? 404 : 200).end(
          request.url === "/bytes" ? BINARY : "answer",
        );
      });
      await once(server.listen(0, "127.0.0.1"), "listening");
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      try {
        const sent = `fetch ${origin}/ --sign TOKEN;object=release --in FOLDER/release.txt -H Content-Type:text/plain`;
        assertEquals((await done(sent)).text, "answer");
        const [{ body, headers, method }] = seen as [typeof seen[0]];
        assertEquals([method, body, headers["content-type"]], ["POST", RELEASE, "text/plain"]);
        assertMatch(String(headers["signature-input"]), /^sig=\("@method" "@target-uri"/);
        assertStringIncludes(String(headers["signature"]), "sig=:");
        const json = JSON.parse((await done(`fetch ${origin}/ --json`)).text);
        assertEquals([json.status, json.body], [200, "answer"]);
        const saved = JSON.parse((await done(`fetch ${origin}/bytes --json --out FOLDER/got`)).text);
        assertEquals([saved.status, saved.file, "body" in saved], [200, `${folder}/got`, false]);
        assertEquals([...readFileSync(`${folder}/got`)], [...BINARY]);
        const shown = JSON.parse((await done(`fetch ${origin}/bytes --json`)).text);
        assertEquals([shown.bodyBytes, "body" in shown], ["AP-A", false]);
        const missing = await gp11(`fetch ${origin}/missing`);
        assertEquals([missing.code, missing.text], [1, "answer"]);
        assertStringIncludes(missing.errors, "answered 404");
        const keyless = await gp11(`fetch ${origin}/ --client-key TOKEN;object=release`);
        assertStringIncludes(keyless.errors, "no certificate");
      } finally {
        server.close();
      }
      const refused = await gp11(`fetch http://127.0.0.1:${await freePort()}/`);
      assertEquals(refused.code, 1);
      assertMatch(refused.errors, /^error: Cannot connect to 127\.0\.0\.1:\d+: ECONNREFUSED\n$/);
    });

    it("trusts the authorities of a file, and names the option for it", async () => {
      await using certificates = await makeCertificates();
      const { ca: { certFile }, good: { cert, key } } = certificates;
      await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK", "answer")), {
        tls: { cert, key },
      });
      const untrusted = await gp11(`fetch ${server.origin}/`);
      assertEquals(untrusted.code, 1);
      assertMatch(untrusted.errors, /^error: Cannot trust [^\n]+\)\nhint: --cacert FILE [^\n]+\n$/);
      assertEquals((await done(`fetch ${server.origin}/ --cacert ${certFile}`)).text, "answer");
      const missing = await gp11(`fetch ${server.origin}/ --cacert FOLDER/none.pem`);
      assertEquals([missing.code, missing.text], [1, ""]);
      assertMatch(missing.errors, /^error: Cannot read the certificates in \S+none\.pem: [^\n]+\n$/);
    });

    it("lists whom the machine trusts, and writes them as PEM", { skip: trustSkip }, async () => {
      const args = ["--module", p11KitModulePath("trust")!, "trust"];
      const anchors = JSON.parse((await commandLine([...args, "--json"])).text) as { subject: string }[];
      const { code } = await commandLine([...args, "--out", `${folder}/roots.pem`]);
      const blocks = readFileSync(`${folder}/roots.pem`, "utf8").match(/-----BEGIN CERTIFICATE-----/g) ?? [];
      assertEquals([code, blocks.length], [0, anchors.length]);
    });

    it("lists nobody and writes no bundle where a module trusts nobody, but says what to do", async () => {
      for (const line of ["trust", "trust --json", "trust --purpose serverAuth --out FOLDER/nobody.pem"]) {
        const { code, errors, text } = await gp11(line);
        assertEquals([code, text], [1, ""]);
        assertMatch(errors, /Cannot list whom --module \S+ trusts/);
        assertStringIncludes(errors, "Leave --module out");
      }
      assertEquals(existsSync(`${folder}/nobody.pem`), false);
    });
  });

  it("logs the calls of the module without the PIN", async () => {
    const { errors } = await done("sign TOKEN;object=release --log-calls", { input: RELEASE });
    assertStringIncludes(errors, "C_Sign = CKR_OK");
    assert(!/pPin = .*1234/.test(errors));
  });

  it("shows where an error comes from only with GP11_DEBUG", async () => {
    const line = "export TOKEN;object=none";
    assert(!/^ +at /m.test((await gp11(line)).errors));
    assertMatch((await gp11(line, { environment: { GP11_DEBUG: "1" }, typed: ["1234\r"] })).errors, /^ +at |@/m);
  });

  it("ends quietly when whoever reads the list goes away", async () => {
    assertEquals((await gp11("mechanisms TOKEN", { reader: closedReader })).code, 0);
  });
});

describe("the parameters of a module", { skip: softoknSkip }, () => {
  it("are given with --reserved, which the refusal without them names", async () => {
    const { module, reserved } = createSoftoknDatabase();
    const without = await commandLine(["--module", module, "slots"]);
    assertEquals(without.code, 1);
    assertMatch(without.errors, /CKR_ARGUMENTS_BAD from C_Initialize\)\nhint: .*--reserved/);
    const { code, errors, text } = await commandLine(["--module", module, "--reserved", reserved, "slots", "--json"]);
    assertEquals([code, errors], [0, ""]);
    assertEquals(JSON.parse(text).length, 2);
  });
});

/** The words of a line, as a shell sees them. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

describe("docs/command-line.md", { skip: opensslSkip }, () => {
  it("has lines that work when pasted", async () => {
    const guide = readFileSync(new URL("../../docs/command-line.md", import.meta.url), "utf8");
    const lines = [...guide.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((match) => match[1]!.trim().split("\n"));
    const environment: Record<string, string> = {};
    const printed: string[] = [];
    softhsmFolder();
    const before = process.cwd();
    process.chdir(temporaryFolder("command-line"));
    try {
      for (const line of lines) {
        const [program, ...args] = words(line);
        if (program === "export") Object.assign(environment, Object.fromEntries([args[0]!.split("=")]));
        else if (program !== "gp11") {
          printed.push(execFileSync("sh", ["-c", line], { encoding: "utf8", stdio: "pipe" }));
        } else {
          const { code, errors, text } = await commandLine(["--module", softhsmPath()!, ...args], { environment });
          assertEquals([code, code === 0 ? "" : errors], [0, ""], line);
          printed.push(text);
        }
      }
      assertEquals(readFileSync("out.crt", "utf8").trim(), readFileSync("server.crt", "utf8").trim());
    } finally {
      process.chdir(before);
    }
    const all = printed.join("");
    for (const text of ["Verified OK", "The signature is right", "release 1.0"]) assertStringIncludes(all, text);
  });
});
