// The commands on a TPM: tpm2-pkcs11 fills what a token tells with NULs, and wants a login for public keys too.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { after, describe, it } from "node:test";
import { commandLine, type CommandLineOptions } from "../_support/command_line.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";
import { startTpm, tpmSkip } from "../_support/tpm.ts";

const tpm = tpmSkip ? null : await startTpm();
const folder = temporaryFolder("cli-tpm");
const environment = { GP11_PIN: "userpin", GP11_NEW_PIN: "userpin", GP11_SO_PIN: "sopin123" };

async function done(line: string, options: CommandLineOptions = { environment }): Promise<string> {
  const words = line.split(" ").map((word) => word.replace("FOLDER", folder));
  const { code, errors, text } = await commandLine(["--module", tpm!.module, ...words], options);
  assertEquals([code, code === 0 ? "" : errors], [0, ""], line);
  return text;
}

describe("the command line on a TPM", { skip: tpmSkip }, () => {
  after(() => tpm?.[Symbol.asyncDispose]());

  it("shows URIs that name the token, whatever shows them", async () => {
    const made = JSON.parse(await done("init 1 --label tpm --json")) as { uri: string };
    const slots = JSON.parse(await done("slots --json")) as { token: { label: string; uri: string } | null }[];
    const shown = slots.find((slot) => slot.token?.label === "tpm")!.token!.uri;
    assertStringIncludes(shown, "%00");
    await done(`keygen ${shown} --type ec --label e`);
    const missing = await commandLine(["--module", tpm!.module, "mechanisms", "pkcs11:token=none"]);
    const present = missing.errors.match(/pkcs11:\S*token=tpm\S*/)?.[0];
    for (const uri of [made.uri, shown, present ?? missing.errors]) {
      assertStringIncludes(await done(`objects ${uri} --login`), "object=e");
    }
  });

  it("logs in for public keys where their use wants that, and asks for no PIN before", async () => {
    await done("keygen pkcs11:token=tpm --type rsa --bits 2048 --label r");
    writeFileSync(`${folder}/f`, "hi\n");
    for (const label of ["e", "r"]) {
      const key = `pkcs11:token=tpm;object=${label}`;
      await done(`sign ${key} --in FOLDER/f --out FOLDER/f.sig`);
      for (const input of ["hi\n", "ha\n"]) {
        const verify = ["--module", tpm!.module, "verify", key, "--signature", `${folder}/f.sig`];
        const { code, errors, text } = await commandLine(verify, { environment, input });
        assertEquals([code, text], input === "hi\n" ? [0, "The signature is right\n"] : [1, ""], errors);
      }
    }
    const { bytes } = await commandLine(
      ["--module", tpm!.module, "encrypt", "pkcs11:token=tpm;object=r", "--in", `${folder}/f`],
      { environment },
    );
    writeFileSync(`${folder}/f.enc`, bytes);
    assertEquals(await done("decrypt pkcs11:token=tpm;object=r --in FOLDER/f.enc"), "hi\n");
    assertStringIncludes(await done("export pkcs11:token=tpm;object=r", {}), "BEGIN PUBLIC KEY");
    await done("sign pkcs11:token=tpm;object=e --in FOLDER/f --out FOLDER/f.sig");
    const nobody = await commandLine(
      ["--module", tpm!.module, "verify", "pkcs11:token=tpm;object=e", "--in", `${folder}/f`, "-s", `${folder}/f.sig`],
    );
    assert(nobody.code === 1 && nobody.errors.includes("GP11_PIN"), nobody.errors);
  });

  it("says of a key that is imported that some tokens take none, whatever kind it is", async () => {
    for (const [type, options] of [["rsa", { modulusLength: 2048 }], ["ec", { namedCurve: "P-256" }]] as const) {
      const { privateKey } = generateKeyPairSync(type as "rsa", options as { modulusLength: number });
      writeFileSync(`${folder}/${type}.pem`, privateKey.export({ format: "pem", type: "pkcs8" }));
      const args = ["--module", tpm!.module, "import", "pkcs11:token=tpm", "--in", `${folder}/${type}.pem`];
      const { code, errors } = await commandLine([...args, "--label", type], { environment });
      assertEquals(code, 1);
      assertStringIncludes(errors, "hint: Some tokens answer so for keys made elsewhere");
    }
  });
});
