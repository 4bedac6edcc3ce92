// Certificates on a token, as commands list and store them: cli/commands/objects.ts, import.ts, cli/tokens/*certificate*.
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { validityText } from "../../cli/tokens/certificate_facts.ts";
import { programPath } from "../../tools/native_libraries.ts";
import { softhsmSkip } from "../_support/softhsm.ts";
import { TokenCommands } from "../_support/token_commands.ts";

const opensslSkip = programPath("openssl") === null ? "OpenSSL is not installed" : false;

/** An object as `gp11 objects --json` lists it. */
interface Listed {
  readonly type: string;
  readonly key: string;
  readonly label: string;
  readonly id: string;
  readonly subject?: string;
  readonly notAfter?: string;
  readonly uri: string;
}

describe("certificates on the command line", { skip: softhsmSkip }, () => {
  let commands: TokenCommands;

  before(() => {
    commands = new TokenCommands();
  });

  async function listed(label: string): Promise<Listed[]> {
    return (await commands.json<Listed[]>(`objects TOKEN;object=${label};type=cert`))
      .sort((a, b) => a.subject! < b.subject! ? -1 : 1);
  }

  async function subjects(label: string): Promise<(string | undefined)[]> {
    return (await listed(label)).map(({ subject }) => subject);
  }

  it("are listed with their key, whom they are about and until when they are valid", async () => {
    const label = await commands.keyWith({ listed: [-30, -1] });
    await commands.done(`import TOKEN --in FOLDER/listed.crt --label ${label}`);
    const [certificate] = await listed(label);
    const { key, notAfter, subject } = certificate!;
    assertEquals([key, subject], ["EC P-256", "CN=listed"]);
    const { text } = await commands.done(`objects TOKEN;object=${label}`);
    assertMatch(text, /^TYPE +KEY +LABEL +ID +SUBJECT +VALID UNTIL +URI\n/);
    assertMatch(text, new RegExp(`cert +EC P-256 .*CN=listed +${notAfter!.slice(0, 10)} \\(ended\\) +pkcs11:`));
    const keys = await commands.json<Listed[]>(`objects TOKEN;object=${label};type=public`);
    assertEquals(keys.map((each) => "subject" in each), [false]);
  });

  it("tell a time to come, too", () => {
    const at = (notBefore: string, notAfter: string) =>
      validityText(
        {
          notBefore: new Date(notBefore),
          notAfter: new Date(notAfter),
          subject: "",
          issuer: "",
          serialNumber: "",
          key: "",
        },
        Date.parse("2026-06-01"),
      );
    assertEquals(at("2026-01-01", "2027-01-01"), "2027-01-01");
    assertEquals(at("2026-01-01", "2026-05-31"), "2026-05-31 (ended)");
    assertEquals(at("2026-07-01", "2027-01-01"), "2027-01-01 (from 2026-07-01)");
  });

  it("come in once: one that is there is told of, and is not there twice", async () => {
    const label = await commands.keyWith({ once: [-1, 30] });
    const line = `import TOKEN --in FOLDER/once.crt --label ${label}`;
    const first = await commands.json<string[]>(line);
    const again = await commands.done(line);
    assertEquals(again.text, `there already  ${first[0]}\n`);
    assertEquals(await commands.json(line), first);
    assertEquals(await commands.json(`import TOKEN --in FOLDER/once.crt`), first);
    assertEquals(await subjects(label), ["CN=once"]);
  });

  it("that are renewed take the place of the one before or stand beside it, but never without a name of their own", async () => {
    const label = await commands.keyWith({ old: [-30, -1], new: [-1, 30], newer: [-1, 60] });
    await commands.done(`import TOKEN --in FOLDER/old.crt --label ${label}`);
    for (const names of [` --label ${label}`, ""]) {
      const refused = await commands.run(`import TOKEN --in FOLDER/new.crt${names}`);
      assertEquals([refused.code, refused.text], [1, ""]);
      assertStringIncludes(refused.errors, "no URI would tell it from another one of its key, pkcs11:");
      assertStringIncludes(refused.errors, "--replace");
    }
    assertEquals(await subjects(label), ["CN=old"]);
    await commands.done(`import TOKEN --in FOLDER/new.crt --label ${label} --replace`);
    assertEquals(await subjects(label), ["CN=new"]);
    // Without a label it takes that of the one before.
    await commands.done("import TOKEN --in FOLDER/newer.crt --replace");
    assertEquals(await subjects(label), ["CN=newer"]);
    await commands.done(`import TOKEN --in FOLDER/old.crt --label ${label}-old`);
    assertEquals(await subjects(`${label}-old`), ["CN=old"]);
    const several = await commands.run("import TOKEN --in FOLDER/new.crt --replace");
    assertEquals(several.code, 1);
    assertStringIncludes(several.errors, "Cannot choose which certificate to replace: the token has 2 of its key");
    assertEquals([await subjects(label), await subjects(`${label}-old`)], [["CN=newer"], ["CN=old"]]);
  });

  it("leave everything as it was where one of a file is refused", async () => {
    const label = await commands.keyWith({ kept: [-30, -1], renewed: [-1, 30] });
    await commands.done(`import TOKEN --in FOLDER/kept.crt --label ${label}`);
    const input = ["renewed.crt", `${label}.pem`].map((name) => readFileSync(`${commands.folder}/${name}`, "utf8"))
      .join("");
    const uris = async () => (await commands.json<Listed[]>("objects TOKEN")).map(({ uri }) => uri).sort();
    const before = await uris();
    const refused = await commands.run(`import TOKEN --label ${label} --replace`, { input });
    assertEquals(refused.code, 1);
    assertStringIncludes(refused.errors, "Cannot import the private key");
    assertEquals(await uris(), before);
  });

  it("and keys in a form that is not read are told with the command that converts them, before a PIN is asked for", async () => {
    writeFileSync(`${commands.folder}/both.p12`, Uint8Array.of(0x30, 0x80, 2, 1, 3, 0x30, 0x80));
    writeFileSync(
      `${commands.folder}/id`,
      "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n",
    );
    const run = async (line: string, input = "") => {
      const { code, errors } = await commands.run(`import TOKEN${line}`, { input, environment: {} });
      return `${code} ${errors.replaceAll(commands.folder, "")}`;
    };
    assertEquals(
      await run(" --in FOLDER/both.p12"),
      '1 error: Cannot import "/both.p12": it is a PKCS #12 file\n' +
        "hint: Convert it, or a copy of it, with: openssl pkcs12 -in /both.p12 -nodes\n",
    );
    assertEquals(
      await run(" --in FOLDER/id"),
      `1 error: Cannot import "/id": it is a key in OpenSSH's own form\n` +
        "hint: Convert it, or a copy of it, with: ssh-keygen -p -m PKCS8 -f /id (RSA and ECDSA; Ed25519 keys it leaves as they are)\n",
    );
    assertStringIncludes(await run("", readFileSync(`${commands.folder}/id`, "utf8")), "-m PKCS8 -f FILE (");
    for (const line of ["ssh-ed25519 AAAAC3Nz me", "ecdsa-sha2-nistp256 AAAAE2Vj", "ssh-rsa AAAAB3Nz me@host\n"]) {
      assertStringIncludes(
        await run("", line),
        "it is a public key in OpenSSH's own form\nhint: Convert it, or a copy of it, with: ssh-keygen -e -m PKCS8 -f FILE (",
      );
    }
  });

  it("are not what a certificate request is, in PEM and DER", async () => {
    const label = await commands.keyWith({});
    const der = (await commands.done(`request TOKEN;object=${label} --subject CN=a`)).text;
    const block = /-----BEGIN CERTIFICATE REQUEST-----([^-]+)-----/.exec(der)![1]!;
    for (const input of [der, Uint8Array.fromBase64(block.replace(/\s/g, ""))]) {
      const { code, errors } = await commands.run("import TOKEN", { input, environment: {} });
      assertEquals(
        [code, errors],
        [
          1,
          'error: Cannot import "standard input": it is a certificate request\n' +
          "hint: An authority makes a certificate of it: bring that in.\n",
        ],
      );
    }
  });

  it("come out of PKCS #7, that of the key first, in PEM and DER", { skip: opensslSkip }, async () => {
    const { folder } = commands;
    const label = await commands.keyWith({ own: [-1, 30] });
    const openssl = (line: string) =>
      execFileSync("openssl", line.replaceAll("FOLDER", folder).split(" "), { stdio: "pipe" });
    openssl(
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout FOLDER/ca.key -out FOLDER/ca.crt -subj /CN=authority",
    );
    await commands.done(`request TOKEN;object=${label} --subject CN=leaf --out FOLDER/leaf.csr`);
    openssl("x509 -req -in FOLDER/leaf.csr -CA FOLDER/ca.crt -CAkey FOLDER/ca.key -out FOLDER/issued.crt -days 9");
    for (const form of ["PEM", "DER"]) {
      openssl(
        `crl2pkcs7 -nocrl -certfile FOLDER/ca.crt -certfile FOLDER/issued.crt -outform ${form} -out FOLDER/all.p7b`,
      );
      const uris = await commands.json<string[]>(`import TOKEN --in FOLDER/all.p7b --label bundle${form}`);
      assertEquals(uris.length, 2);
      const all = await commands.json<Listed[]>("objects TOKEN");
      const key = all.find((each) => each.label === label && each.type === "private")!;
      assertEquals(uris.map((uri) => all.find((each) => each.uri === uri)!.subject), ["CN=leaf", "CN=authority"]);
      assertEquals(uris.map((uri) => all.find((each) => each.uri === uri)!.id === key.id), [true, false]);
      await commands.done(`delete TOKEN;object=bundle${form} --yes`);
    }
    openssl("crl2pkcs7 -nocrl -outform DER -out FOLDER/none.p7b");
    assertStringIncludes(
      (await commands.run("import TOKEN --in FOLDER/none.p7b")).errors,
      "PKCS #7 without certificates",
    );
    const cut = readFileSync(`${folder}/all.p7b`).subarray(0, 60);
    const damaged = await commands.run("import TOKEN", { input: new Uint8Array(cut) });
    assertStringIncludes(
      damaged.errors,
      'Cannot import "standard input": it is PKCS #7 that cannot be read\nhint: Take PEM',
    );
  });

  it("that vouch for another one keep an id of their own", async () => {
    const [one, other] = [await commands.keyWith({ leaf: [-1, 30] }), await commands.keyWith({ above: [-1, 30] })];
    const input = ["leaf.crt", "above.crt"].map((name) => readFileSync(`${commands.folder}/${name}`, "utf8")).join("");
    const uris = await commands.json<string[]>("import TOKEN --label chain --id 77", { input });
    assertEquals(uris.map((each) => each.includes(";id=%77;")), [true, false]);
    assertEquals([one === other, await subjects("chain")], [false, ["CN=above", "CN=leaf"]]);
  });
});
