// graphene-pk11 as published: keys are made, used in place and asynchronously, and found again.
const assert = require("node:assert");
const graphene = require("graphene-pk11");

const module_ = graphene.Module.load(process.env.SOFTHSM, "SoftHSM");
module_.initialize();
const session = module_.getSlots(0).open(graphene.SessionFlag.RW_SESSION | graphene.SessionFlag.SERIAL_SESSION);
session.login("12345");
const keys = session.generateKeyPair(graphene.KeyGenMechanism.EC, {
  keyType: graphene.KeyType.EC,
  token: true,
  label: "peer",
  verify: true,
  paramsEC: graphene.NamedCurve.getByName("secp256r1").value,
}, { keyType: graphene.KeyType.EC, token: true, label: "peer", private: true, sign: true });
const signature = session.createSign("ECDSA", keys.privateKey).once(Buffer.alloc(32, 1));
assert.strictEqual(session.createVerify("ECDSA", keys.publicKey).once(Buffer.alloc(32, 1), signature), true);
assert.strictEqual(session.find({ label: "peer" }).length, 2);
session.createDigest("sha256").once("message", (error, digest) => {
  assert.ifError(error);
  assert.strictEqual(digest.length, 32);
  session.logout();
  module_.finalize();
  module_.close();
  process.stdout.write("1 passing\n");
});
