import { Buffer } from "node:buffer";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConfigurationError, loadModules, Module, Pkcs11Error, trustAnchors } from "../../../session/mod.ts";
import { readCertificate } from "../../../session/keys/forms/certificate.ts";
import { registeredAnchors } from "../../../session/trust/anchors.ts";
import { p11KitModulePath } from "../../../tools/native_libraries.ts";
import { createToken, softhsmModule, softhsmSkip } from "../../_support/softhsm.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";
import { rejectedForEmail, rootOne, rootTwo } from "../../_support/trust_certificates.ts";

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

/** An object as p11-kit keeps it in a file. */
function p11KitObject(type: string, values: Record<string, Uint8Array>, ...lines: string[]): string {
  const escaped = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").replace(/../g, "%$&");
  const fields = Object.entries(values).map(([name, value]) => `${name}: "${escaped(value)}"`);
  return ["[p11-kit-object-v1]", `class: ${type}`, ...lines, ...fields, ""].join("\n");
}

async function labelsOf(module: Module, purpose?: string): Promise<string[]> {
  return (await trustAnchors({ modules: [module], purpose })).map(({ label }) => label).sort();
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

  it("drops whom a token distrusts by issuer and serial number, or by the public key alone", async () => {
    const { issuer, serialNumber, spki } = readCertificate(rootOne);
    const anchors = { "anchors/one.pem": rootOne, "anchors/two.pem": rootTwo };
    for (
      const names of [
        { "issuer": issuer, "serial-number": serialNumber },
        { "public-key-info": spki.whole },
      ]
    ) {
      await using module = await load({
        ...anchors,
        "blocklist/one.p11-kit": p11KitObject("certificate", names, "certificate-type: x-509", "x-distrusted: true"),
      });
      assertEquals(await labelsOf(module), ["gp11 Test Root Two"]);
    }
  });

  it("takes nobody for trusted because an extension about him is damaged", async () => {
    const { spki } = readCertificate(rootOne);
    const usage = (oid: string, content: string) =>
      Buffer.from(
        `30${(content.length / 2 + oid.length / 2 + 2).toString(16).padStart(2, "0")}${oid}04${
          (content.length / 2).toString(16).padStart(2, "0")
        }${content}`,
        "hex",
      );
    const [eku, reject, email] = ["0603551d25", "060a2b060104019977060a01", "06082b06010505070304"];
    const whole = usage(reject!, `300a${email}`);
    const both = ["gp11 Test Root One", "gp11 Test Root Two"];
    for (
      const [value, expected] of [
        [whole, both],
        [usage(eku!, "300a06082b06010505070301"), both],
        [usage(eku!, "30060604551d2500"), both],
        [usage(eku!, "3000"), both.slice(1)],
        [usage(eku!, `300a${email}`), both.slice(1)],
        [whole.subarray(0, -1), both.slice(1)],
        [Buffer.concat([whole, Buffer.from([0])]), both.slice(1)],
        [usage(reject!, `300b${email}`), both.slice(1)],
        [usage(reject!, `300a06082b060105050703${"84"}`), both.slice(1)],
        [usage(reject!, "30020500"), both.slice(1)],
        [usage(reject!, "30060604551d2500"), both.slice(1)],
      ] as const
    ) {
      await using module = await load({
        "anchors/one.pem": rootOne,
        "anchors/two.pem": rootTwo,
        "anchors/limit.p11-kit": p11KitObject("x-certificate-extension", { "public-key-info": spki.whole, value }),
      });
      assertEquals([value.toString("hex"), await labelsOf(module, "serverAuth")], [value.toString("hex"), expected]);
    }
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

  it("refuses purposes and modules that are none, and stops when it is aborted", async () => {
    await assertRejects(() => trustAnchors({ purpose: "everything" }), TypeError, '"everything"');
    for (const module of [null, {}] as unknown as Module[]) {
      await assertRejects(() => trustAnchors({ modules: [module] }), TypeError, "expected a Module");
    }
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
