// Every program of docs/signed-requests.md and the examples it names run as they stand, on a token of SoftHSM2.
import { assertEquals } from "@std/assert";
import { it } from "node:test";
import { guidePrograms, printedOnToken } from "../../../_support/guide_programs.ts";
import { softhsmSkip } from "../../../_support/softhsm.ts";

const root = new URL("../../../../", import.meta.url);

const ofGuide = [
  "ES256 43 EC P-256 ES256 sig\n",
  "64 out,in\n",
  'client-1: "@method" "@target-uri" "content-digest" "content-type"\n{"item":17}\n',
  "200 client-1 has sent 11 bytes\n",
  "PS256 ada 600\nclaim Cannot accept the JSON Web Token: it is for another audience\n",
  "true\nES256 false\n",
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
  const programs = guidePrograms("docs/signed-requests.md");
  assertEquals(programs.length, ofGuide.length);
  const examples = Object.keys(ofExamples).map((name) => new URL(`examples/signed_requests/${name}.ts`, root));
  assertEquals(await printedOnToken([...programs, ...examples]), [...ofGuide, ...Object.values(ofExamples)]);
});
