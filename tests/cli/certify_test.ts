// Requests and certificates for keys that are on a token: cli/commands/request.ts, certificate.ts.
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { programPath } from "../../tools/native_libraries.ts";
import { softhsmSkip } from "../_support/softhsm.ts";
import { TokenCommands } from "../_support/token_commands.ts";

const skip = softhsmSkip || (programPath("openssl") === null ? "OpenSSL is not installed" : false);

const KEYS = { ec: "--type ec", rsa: "--type rsa --bits 2048", ed: "--type ed25519" } as const;

describe("gp11 request and gp11 certificate", { skip }, () => {
  let commands: TokenCommands;

  before(async () => {
    commands = new TokenCommands();
    for (const [label, type] of Object.entries(KEYS)) await commands.done(`keygen TOKEN ${type} --label ${label}`);
  });

  /** What OpenSSL says of a file, on either output. */
  function openssl(...args: readonly string[]): string {
    const line = args.map((each) => `'${each.replaceAll("FOLDER", commands.folder)}'`).join(" ");
    return execFileSync("sh", ["-c", `openssl ${line} 2>&1`], { encoding: "utf8" });
  }

  for (const label of Object.keys(KEYS)) {
    it(`make what OpenSSL verifies of a key that is there: ${label}`, async () => {
      const names = "--subject CN=example.org,O=Example --san DNS:example.org,IP:192.0.2.1 --san email:a@example.org";
      await commands.done(`request TOKEN;object=${label} ${names} --out FOLDER/${label}.csr`);
      const request = openssl("req", "-in", `FOLDER/${label}.csr`, "-verify", "-noout", "-text");
      assertMatch(request, /verify OK/);
      assertMatch(request, /Subject: O ?= ?Example, CN ?= ?example\.org/);
      assertMatch(request, /DNS:example\.org, IP Address:192\.0\.2\.1, email:a@example\.org/);

      await commands.done(`certificate TOKEN;object=${label} ${names} --days 90 --out FOLDER/${label}.crt`);
      const file = `FOLDER/${label}.crt`;
      assertMatch(openssl("verify", "-CAfile", file, file), /: OK\n$/);
      const certificate = new X509Certificate(readFileSync(`${commands.folder}/${label}.crt`));
      assertEquals(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom), 90 * 86_400_000);
      const { text: pem } = await commands.done(`export TOKEN;object=${label};type=public`);
      assertEquals(certificate.publicKey.export({ type: "spki", format: "pem" }), pem);
    });
  }

  it("write to standard output, and as JSON", async () => {
    const request = "request TOKEN;object=ec --subject CN=a";
    assertMatch((await commands.done(request)).text, /^-----BEGIN CERTIFICATE REQUEST-----\n/);
    assertMatch((await commands.json<{ pem: string }>(request)).pem, /^-----BEGIN CERTIFICATE REQUEST-----\n/);
    const certificate = "certificate TOKEN;object=ec --subject CN=a --days 1";
    assertMatch((await commands.done(certificate)).text, /^-----BEGIN CERTIFICATE-----\n/);
    const json = await commands.json<{ pem: string; uri?: string }>(certificate);
    assertEquals([json.pem.startsWith("-----BEGIN CERTIFICATE-----"), "uri" in json], [true, false]);
  });

  it("store a certificate beside its key, once, and another in its place with --replace", async () => {
    const line = "certificate TOKEN;object=rsa --subject CN=stored --days 30 --store";
    const { text } = await commands.done(line);
    const [, uri] = /^stored {2}(pkcs11:\S+;object=rsa;type=cert)\n$/.exec(text)!;
    const stored = async () =>
      (await commands.json<{ type: string; id: string; subject: string }[]>("objects TOKEN;object=rsa"))
        .filter(({ type }) => type !== "secret-key");
    assertEquals(new Set((await stored()).map(({ id }) => id)).size, 1);
    const refused = await commands.run(line);
    assertEquals(refused.code, 1);
    assertStringIncludes(refused.errors, `another one of its key, ${uri}`);
    await commands.done(`${line.replace("CN=stored", "CN=renewed")} --replace --out FOLDER/renewed.crt`);
    const subjects = (await stored()).filter(({ type }) => type === "cert").map(({ subject }) => subject);
    assertEquals(subjects, ["CN=renewed"]);
    const { text: pem } = await commands.done("export TOKEN;object=rsa;type=cert");
    assertEquals(readFileSync(`${commands.folder}/renewed.crt`, "utf8"), pem);
  });

  it("store another certificate beside the first one under a label of its own, as the refusal says", async () => {
    await commands.done("keygen TOKEN --type ec --label two");
    const line = "certificate TOKEN;object=two;type=private --subject CN=two --days 30 --store";
    await commands.done(line);
    assertStringIncludes((await commands.run(line)).errors, "another --label beside it");
    const { text } = await commands.done(`${line} --label two-more`);
    assertStringIncludes(text, ";object=two-more;type=cert");
    const ids = (await commands.json<{ id: string; label: string }[]>("objects TOKEN"))
      .filter(({ label }) => label.startsWith("two")).map(({ id }) => id);
    assertEquals([ids.length, new Set(ids).size], [4, 1]);
    // Beside one without a label no other label helps.
    await commands.done("keygen TOKEN --type ec --label nameless");
    await commands.done(`${line.replace("object=two", "object=nameless")} --out FOLDER/nameless.crt`);
    await commands.done("delete TOKEN;object=nameless;type=cert --yes");
    await commands.done("import TOKEN --in FOLDER/nameless.crt");
    const refused = await commands.run(`${line.replace("object=two", "object=nameless")} --label other`);
    assertStringIncludes(refused.errors, "That one has no label");
  });

  it("say what is meant by names that other programs take", async () => {
    const cases = [
      ['O="A+B"', "", "backslash before it, as in O=A\\+B"],
      ["/CN=x/O=y", "", "as in CN=example.org,O=Example"],
      ["CN=a", " --san DNS:m\u00fcnchen.example", "xn-- form"],
      ["CN=a", " --san m\u00fcnchen.example", "xn-- form"],
    ];
    for (const [subject, san, advice] of cases) {
      const { code, errors } = await commands.run(`request TOKEN;object=ec --subject ${subject}${san}`);
      assertEquals(code, 2);
      assertStringIncludes(errors, advice!);
    }
  });

  it("are refused with names that are none before a PIN is asked for", async () => {
    const lines = [
      "request TOKEN;object=ec --subject nobody",
      "request TOKEN;object=ec --subject CN=a --san DNS:a@b",
      "request TOKEN;object=ec --subject CN=a --san IP:example.org",
      "request TOKEN;object=ec --subject CN=a --san IP:fe80::1%eth0",
      "request TOKEN;object=ec --subject CN=a --san RID:1.2.3",
      "request TOKEN;object=ec --subject CN=a --san example.org:443",
      `request TOKEN;object=ec --subject CN=${"a".repeat(65)}`,
      "certificate TOKEN;object=ec --subject CN=a --san ä --days 1",
      "certificate TOKEN;object=ec --subject CN=a --days 0",
      "certificate TOKEN;object=ec --subject CN=a --days 1 --replace",
      "certificate TOKEN;object=ec --subject CN=a --days 1 --label b",
      "certificate TOKEN;object=ec --subject CN=a",
    ];
    for (const line of lines) {
      const refused = await commands.run(`${line} --out FOLDER/none`, { environment: {}, typed: [] });
      assertEquals([refused.code, refused.terminals.opened], [2, 0], line);
    }
    assertEquals(existsSync(`${commands.folder}/none`), false);
  });

  it("want a private key", async () => {
    for (const uri of ["TOKEN;object=ec;type=public", "TOKEN;object=none"]) {
      const refused = await commands.run(`request ${uri} --subject CN=a`);
      assertEquals(refused.code, 1);
      assertStringIncludes(refused.errors, "Cannot find a private key to sign with");
    }
  });

  it("serve for what an authority issues: it comes in beside its key", async () => {
    const { folder } = commands;
    await commands.done("request TOKEN;object=ed --subject CN=ed --out FOLDER/ed.csr");
    const ca = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"];
    openssl(...ca, "-keyout", "FOLDER/ca.key", "-out", "FOLDER/ca.crt", "-subj", "/CN=CA");
    const issued = execFileSync("openssl", [
      ...["x509", "-req", "-days", "9", "-CA", `${folder}/ca.crt`, "-CAkey", `${folder}/ca.key`],
      ...["-in", `${folder}/ed.csr`],
    ], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    writeFileSync(`${folder}/issued.crt`, issued);
    await commands.done("import TOKEN --in FOLDER/issued.crt --label ed");
    const objects = await commands.json<{ id: string; type: string }[]>("objects TOKEN;object=ed");
    assertEquals([objects.length, new Set(objects.map(({ id }) => id)).size], [3, 1]);
  });
});
