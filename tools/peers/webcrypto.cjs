// node-webcrypto-p11 as published: a key of the token as a CryptoKey, and two Crypto objects that do not end each other.
const assert = require("node:assert");
const { Crypto } = require("node-webcrypto-p11");

const options = { library: process.env.SOFTHSM, slot: 0, readWrite: true, pin: "12345" };

async function main() {
  const crypto = new Crypto(options);
  const other = new Crypto(options);
  other.close();
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const { privateKey, publicKey } = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
  const data = Buffer.from("message");
  const signature = await crypto.subtle.sign(algorithm, privateKey, data);
  assert.strictEqual(await crypto.subtle.verify(algorithm, publicKey, signature, data), true);
  const stored = await crypto.keyStorage.setItem(privateKey);
  assert.deepStrictEqual(await crypto.keyStorage.keys(), [stored]);
  crypto.close();
  process.stdout.write("1 passing\n");
}

main();
