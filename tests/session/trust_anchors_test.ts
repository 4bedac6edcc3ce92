import { Buffer } from "node:buffer";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConfigurationError, loadModules, Module, Pkcs11Error, trustAnchors } from "../../session/mod.ts";
import { registeredAnchors } from "../../session/trust/anchors.ts";
import { p11KitModulePath } from "../../tools/native_libraries.ts";
import { createToken, softhsmModule, softhsmSkip } from "../_support/softhsm.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";
import { rejectedForEmail, rootOne, rootTwo } from "../_support/trust_certificates.ts";

const trustModule = p11KitModulePath("trust");
const skip = trustModule === null ? "p11-kit's trust module is not installed" : false;
const bundle = "/etc/ssl/certs/ca-certificates.crt";

function bundled(): Set<string> {
  const blocks = readFileSync(bundle, "utf8").match(/-----BEGIN CERTIFICATE-----[^-]+/g) ?? [];
  return new Set(blocks.map((block) => block.slice(27).replace(/\s/g, "")));
}

let base: string | undefined;
let count = 0;

/** A trust module that looks at a folder of its own. */
async function load(files: Record<string, string>): Promise<Module> {
  base ??= temporaryFolder("trust");
  const folder = `${base}/${++count}`;
  for (const name of ["anchors", "blocklist"]) mkdirSync(`${folder}/${name}`, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(`${folder}/${name}`, text);
  return await Module.load(trustModule!, { managed: "gp11", reserved: `paths=${folder}` });
}

function derOf(pem: string): string {
  return new X509Certificate(pem).raw.toString("base64");
}

describe("trustAnchors()", { skip }, () => {
  it(
    "gives exactly the certificates of the system's bundle",
    { skip: !existsSync(bundle) && "no bundle" },
    async () => {
      const anchors = await trustAnchors();
      const expected = bundled();
      const given = new Set(anchors.map(({ der }) => Buffer.from(der).toString("base64")));
      assertEquals(anchors.length, expected.size);
      assertEquals([...given].filter((der) => !expected.has(der)), []);
      assertEquals([...expected].filter((der) => !given.has(der)), []);
      const serverAuth = await trustAnchors({ purpose: "serverAuth" });
      assertEquals(serverAuth.length, expected.size);
    },
  );

  it("gives DER, label and subject", async () => {
    await using module = await load({ "anchors/one.pem": rootOne });
    const [anchor, ...rest] = await trustAnchors({ modules: [module] });
    assertEquals(rest, []);
    assertEquals(Buffer.from(anchor!.der).toString("base64"), derOf(rootOne));
    assertEquals(anchor!.subject, "CN=gp11 Test Root One,O=gp11\\, tests,C=DE");
    assertEquals(anchor!.label, "gp11 Test Root One");
  });

  it("leaves out what is only known, and what is on the blocklist", async () => {
    await using module = await load({
      "anchors/one.pem": rootOne,
      "anchors/two.pem": rootTwo,
      "blocklist/two.pem": rootTwo,
    });
    const anchors = await trustAnchors({ modules: [module] });
    assertEquals(anchors.map(({ label }) => label), ["gp11 Test Root One"]);
    await module.close();
    await using known = await load({ "one.pem": rootOne });
    assertEquals(await trustAnchors({ modules: [known] }), []);
  });

  it("a certificate distrusted by its bytes disappears although it is an anchor of another file", async () => {
    await using one = await load({ "anchors/one.pem": rootOne, "anchors/two.pem": rootTwo });
    assertEquals((await trustAnchors({ modules: [one] })).length, 2);
    await one.close();
    await using blocking = await load({
      "anchors/a.pem": rootOne,
      "anchors/b.pem": rootTwo,
      "blocklist/c.pem": rootOne,
    });
    const labels = (await trustAnchors({ modules: [blocking] })).map(({ label }) => label);
    assertEquals(labels, ["gp11 Test Root Two"]);
  });

  it("keeps a purpose that attached extensions allow and drops one they reject", async () => {
    await using module = await load({ "limited.pem": rejectedForEmail });
    const labels = async (purpose: string) =>
      (await trustAnchors({ modules: [module], purpose })).map(({ label }) => label);
    assertEquals((await trustAnchors({ modules: [module] })).length, 1);
    assertEquals(await labels("serverAuth"), ["gp11 Test Root One"]);
    assertEquals(await labels("1.3.6.1.5.5.7.3.1"), ["gp11 Test Root One"]);
    assertEquals(await labels("email"), []);
    assertEquals(await labels("clientAuth"), []);
  });

  it("passes over tokens that were never initialised, not over those that fail", { skip: softhsmSkip }, async () => {
    createToken();
    await using softhsm = await Module.load(softhsmModule()!);
    await using module = await load({ "anchors/one.pem": rootOne });
    assertEquals((await trustAnchors({ modules: [softhsm, module] })).length, 1);
    const closed = await load({});
    await closed.close();
    await assertRejects(() => trustAnchors({ modules: [module, closed] }), Pkcs11Error, "CKR_CRYPTOKI_NOT_INITIALIZED");
  });

  it("is asked of the modules with trust-policy only", async () => {
    const modules = await loadModules({ trusted: true });
    assert(modules.every((module) => module.configOption("trust-policy") === "yes"));
    await Promise.all(modules.map((module) => module.close()));
  });

  it("refuses purposes that are none, and stops when it is aborted", async () => {
    await assertRejects(() => trustAnchors({ purpose: "everything" }), TypeError, '"everything"');
    await assertRejects(() => trustAnchors({ signal: AbortSignal.abort(new Error("no time")) }), Error, "no time");
  });

  it("fails when a registered trust module cannot be loaded", async () => {
    const folder = temporaryFolder("trust-modules");
    const configure = (name: string, path: string) =>
      writeFileSync(`${folder}/${name}.module`, `module: ${path}\ntrust-policy: yes\n`);
    configure("trust", trustModule!);
    const config = { systemModules: folder };
    assert(Array.isArray(await registeredAnchors(null, {}, config)));
    configure("blocklist", "/nowhere/blocklist.so");
    const refusal = await assertRejects(
      () => registeredAnchors(null, {}, config),
      ConfigurationError,
      "trust module failed",
    );
    assertEquals(refusal.where, "blocklist");
  });
});
