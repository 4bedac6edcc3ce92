// Every program of docs/signed-requests.md and the examples it names run as they stand, on a token of SoftHSM2.
import { assertEquals } from "@std/assert";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { startProgram } from "../../../_support/child_program.ts";
import { createSeparateToken, softhsmSkip } from "../../../_support/softhsm.ts";

const root = new URL("../../../../", import.meta.url);

const ofGuide = [
  "ES256 43 EC P-256 ES256 sig\n",
  'client-1: "@method" "@target-uri" "content-digest" "content-type"\n{"item":17}\n',
  "PS256 ada 600\nclaim Cannot accept the JSON Web Token: it is for another audience\n",
];

const ofExamples: Readonly<Record<string, string>> = {
  signed_api: `signed: 200 client-1 may GET /orders?status=open
with a body: 200 client-1 may POST /orders
unsigned: 401 Cannot accept the message: it has no field signature-input
seen before: 401 Cannot accept the signature sig: its nonce was seen before
changed: 401 Cannot accept the signature sig: the body is not the one whose digest it covers
elsewhere: 401 Cannot accept the signature sig: it is wrong
side by side: 50 of 50
`,
  signed_webhooks: `received {"event":"paid","order":17}, signed just now
covered: "@method" "@target-uri" "content-digest" "content-type"
delivered: 204
`,
  oauth_client: `token: dpop
with the key: 200 {"hello":"client-1"}
with another key: 401 {"error":"The token is bound to another key"}
`,
  s3_request: `put: 200
get: 200 all is well
without a signature: 403 SignatureDoesNotMatch
`,
};

it("docs/signed-requests.md and its examples run and print what they should", { skip: softhsmSkip }, async () => {
  const text = readFileSync(new URL("docs/signed-requests.md", root), "utf8");
  const programs = [...text.matchAll(/```ts ignore\n([\s\S]*?)```/g)].map((match) => match[1]!);
  assertEquals(programs.length, ofGuide.length);
  const { token, environment } = createSeparateToken();
  const more = ["--init-token", "--free", "--label", "keys", "--pin", "1234", "--so-pin", "12345678"];
  execFileSync("softhsm2-util", ["--module", token.module, ...more], { env: { ...process.env, ...environment } });
  const folder = mkdtempSync(`${fileURLToPath(root)}.signed-guide-`);
  try {
    // One process for all of them: each is a module, and a line tells where its output ends.
    const paths = Object.keys(ofExamples).map((name) => `../examples/signed_requests/${name}.ts`);
    for (const [index, program] of programs.entries()) {
      writeFileSync(`${folder}/program${index}.ts`, program.replace('"@gp11/gp11"', '"../mod.ts"'));
    }
    const all = [...programs.map((_, index) => `./program${index}.ts`), ...paths];
    writeFileSync(`${folder}/all.ts`, all.map((path) => `await import("${path}");\nconsole.log("----");\n`).join(""));
    const child = startProgram(pathToFileURL(`${folder}/all.ts`), [], { ...environment, PKCS11_MODULE: token.module });
    let output = "";
    child.stdout!.on("data", (chunk) => output += chunk);
    const code = await new Promise((resolve) => child.once("close", resolve));
    assertEquals(output.split("----\n").slice(0, -1), [...ofGuide, ...Object.values(ofExamples)]);
    assertEquals(code, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
