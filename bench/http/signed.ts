// What a signature costs a request besides the token's own time: messages that a mock answers, signed at once and not signed, in
// turns. Prints by row how many microseconds of the processor the best batches differ by: others share their time with what
// else the machine does.
import process from "node:process";
import {
  AwsSigV4,
  Dpop,
  HttpSession,
  MessageSignatures,
  MockTransport,
  type SessionFeature,
  type Signer,
} from "../../http/mod.ts";

const BATCHES = 60;
const url = "https://api.example/orders?status=open";
const signature = new Uint8Array(64).fill(7);
/** Its time is nothing: what is left is this library's own. */
const signer: Signer = {
  algorithm: "ES256",
  keyId: "bench",
  sign: () => Promise.resolve(signature),
  publicJwk: () => ({ kty: "EC", crv: "P-256", x: "x", y: "y" }),
};
const credentials = { accessKeyId: "bench", secretAccessKey: "bench" };
const body = new Uint8Array(1024).fill(65);

const kinds: Record<string, { features: () => SessionFeature[]; init: RequestInit }> = {
  "GET, signed": { features: () => [new MessageSignatures({ signer })], init: {} },
  "POST of 1 KiB with its digest, signed": {
    features: () => [new MessageSignatures({ signer, nonce: () => "n", tag: "bench", expires: 60 })],
    init: { method: "POST", body },
  },
  "GET with a DPoP proof": { features: () => [new Dpop({ signer, accessToken: "token" })], init: {} },
  "GET for AWS": {
    features: () => [new AwsSigV4({ credentials, region: "eu-central-1", service: "s3" })],
    init: {},
  },
};

const mock = () => new MockTransport(() => new Response());

function spent(): number {
  const { system, user } = process.cpuUsage();
  return system + user;
}

/** Microseconds of the processor for one of 200 requests, 10 of them side by side. */
async function batch(session: HttpSession, init: RequestInit): Promise<number> {
  const started = spent();
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 10 }, async () => {
      const response = await session.fetch(url, init);
      await response.body?.cancel();
    }));
  }
  return (spent() - started) / 200;
}

const rows: Record<string, number> = {};
for (const [name, { features, init }] of Object.entries(kinds)) {
  await using plain = new HttpSession({ maxConnsPerHost: 10, features: [mock()] });
  await using signed = new HttpSession({ maxConnsPerHost: 10, features: [mock(), ...features()] });
  for (const session of [plain, signed]) for (let warm = 0; warm < 3; warm++) await batch(session, init);
  let [before, after] = [Infinity, Infinity];
  for (let turn = 0; turn < BATCHES; turn++) {
    before = Math.min(before, await batch(plain, init));
    after = Math.min(after, await batch(signed, init));
  }
  rows[name] = after - before;
}
process.stdout.write(`${JSON.stringify(rows)}\n`);
