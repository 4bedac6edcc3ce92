// About ffi/operations/objects.ts, makeObject: nothing stays on a token of what it refuses, though SoftHSM2 keeps half of it.
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { execFileSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { CKA, CKK, CKM, CKO } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../../../session/errors.ts";
import type { AttributesInit } from "../../../session/attributes/attributes_init.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";

const rsa = execFileSync("openssl", ["genrsa", "2048"], { stdio: ["ignore", "pipe", "ignore"] }).toString();
const request = "req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=whole";
const certificate = execFileSync("openssl", request.split(" "), { stdio: ["ignore", "pipe", "ignore"] }).toString();

/** What no key has. */
const refused = { modulusBits: 5 };

describe("what a token refuses", { skip: softhsmSkip }, () => {
  let on: TokenSession;
  before(async () => {
    on = await TokenSession.open();
  });
  after(() => on.close());

  /** Labels of all there is, to whoever looks; a new caller finds what lies on the token. */
  const left = () =>
    on.session.findObjectsSync({}, { read: ["label"] }).map(({ attributes }) => attributes!.get("label"));

  for (const token of [false, true]) {
    const where = { token, label: "x" };
    it(`leaves nothing ${token ? "on the token" : "in the session"}`, async () => {
      const { session } = on;
      const attempts: readonly ((attributes: AttributesInit) => Promise<unknown>)[] = [
        (attributes) => session.importKey(rsa, attributes),
        (attributes) => session.importKey(rsa, attributes, { unwrap: true }),
        (attributes) => session.importKeyPair(rsa, {}, attributes),
        (attributes) => session.importKeyPair(rsa, attributes, { token }),
        (attributes) => session.importKey({ kty: "oct", k: "AAECAwQFBgcICQoLDA0ODw", alg: "A128CBC" }, attributes),
        (attributes) => session.importCertificate(certificate, attributes),
        (attributes) => session.createObject({ class: CKO.DATA, value: "data", ...attributes }),
        (attributes) => session.createObject({ class: CKO.DATA, destroyable: false, ...attributes }),
      ];
      for (const attempt of attempts) {
        await assertRejects(() => attempt({ ...where, ...refused }), Pkcs11Error);
        assertEquals(left(), [], attempt.toString());
      }
      assertThrows(() => session.importKeySync(rsa, { ...where, ...refused }), Pkcs11Error);
      // A key without its modulus, and one with a value that is none.
      assertThrows(() => session.createObjectSync({ class: CKO.PUBLIC_KEY, keyType: CKK.RSA, ...where }), Pkcs11Error);
      const noBoolean = { class: CKO.DATA, ...where, [CKA.MODIFIABLE]: new Uint8Array(3) };
      assertThrows(() => session.createObjectSync(noBoolean), Pkcs11Error);
      assertEquals(left(), []);
    });

    it(`leaves what was there, and what is taken has what was said ${token ? "on the token" : "in the session"}`, async () => {
      const { session } = on;
      const kept = await session.createObject({ class: CKO.DATA, ...where, value: "kept" });
      const taken = await session.importCertificate(certificate, { ...where, label: "taken" });
      const unnamed = await session.createObject({ class: CKO.DATA, token, value: "unnamed" });
      await assertRejects(() => session.importKey(rsa, { ...where, ...refused }), Pkcs11Error);
      const attributes = ["label", "token", "value"] as const;
      const found = await session.findObjects({}, { read: attributes });
      const values = found.map((each) => [each.attributes!.get("label"), each.attributes!.get("token")]);
      assertEquals(values.sort(), [["", token], ["taken", token], ["x", token]]);
      assertEquals((await taken.x509()).subject, "CN=whole");
      for (const each of [kept, taken, unnamed]) await each.destroy();
      assertEquals(left(), []);
    });

    it(`leaves nothing of a key that was unwrapped or generated ${token ? "onto the token" : "into the session"}`, async () => {
      const { session } = on;
      const attributes = { valueLen: 32, token: false, wrap: true, unwrap: true, label: "carrier" };
      const carrier = await session.generateKey(CKM.AES_KEY_GEN, attributes);
      const open = { sensitive: false, extractable: true };
      const carried = await session.importKey({ kty: "oct", k: "AAECAwQFBgcICQoLDA0ODw", alg: "A128CBC" }, open);
      const wrapped = await session.wrapKey(carrier, CKM.AES_KEY_WRAP, carried);
      const template = { class: CKO.SECRET_KEY, keyType: CKK.AES, ...where, ...open };
      const unwrap = (more: AttributesInit) =>
        session.unwrapKey(carrier, CKM.AES_KEY_WRAP, wrapped, { ...template, ...more });
      await assertRejects(() => unwrap(refused), Pkcs11Error);
      const generate = () => session.generateKey(CKM.AES_KEY_GEN, { valueLen: 32, ...where, ...refused });
      await assertRejects(generate, Pkcs11Error);
      assertEquals(left(), ["carrier", ""]);
      const key = await unwrap({});
      const value = Uint8Array.from({ length: 16 }, (_, at) => at);
      assertEquals(await key.get(["label", "token", "value"]), { ...where, value });
      for (const each of [carrier, carried, key]) await each.destroy();
    });
  }

  it("disturbs nothing that is open in the session", async () => {
    const { session } = on;
    const digester = await session.digester(CKM.SHA256);
    await digester.update(new Uint8Array(8));
    await assertRejects(() => session.createObject({ class: CKO.DATA, token: true, ...refused }), Pkcs11Error);
    assertEquals((await digester.final()).length, 32);
    assertEquals(await session.findObjects({ token: true }), []);
  });
});
