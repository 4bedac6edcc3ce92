// About session/keys/create_keys.ts: keys that come in by C_UnwrapKey where a token refuses to create them.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { execFileSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { CKK, CKM, CKO, CKR } from "../../../ffi/constants/mod.ts";
import type { Frame } from "../../../ffi/engine/frame.ts";
import { Pkcs11Error } from "../../../session/errors.ts";
import type { KeyMaterial, RsaMaterial } from "../../../session/keys/forms/key_material.ts";
import { readKeySync } from "../../../session/keys/forms/read_key.ts";
import { privateTemplate, secretTemplate, standardDialect } from "../../../session/keys/templates.ts";
import { importByUnwrapping } from "../../../session/keys/create_keys.ts";
import { aesCbc } from "../../../session/mechanisms/mod.ts";
import { coreOf } from "../../../session/tokens/session_contexts.ts";
import type { Module } from "../../../session/tokens/module.ts";
import { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { openSoftokn, softoknSkip } from "../../_support/softokn.ts";
import { TokenSession } from "../../_support/token_session.ts";

const rsa = execFileSync("openssl", ["genrsa", "2048"], { stdio: ["ignore", "pipe", "ignore"] }).toString();
const aes = { kty: "oct", alg: "A128CBC", k: "AAECAwQFBgcICQoLDA0ODw" };

describe("keys brought in by unwrapping", { skip: softoknSkip }, () => {
  let module: Module;
  let session: Session;
  before(async () => {
    ({ module, session } = await openSoftokn());
  });
  after(() => module.close());

  async function unwrapped(material: KeyMaterial): Promise<Pkcs11Object> {
    const template = material.kind === "secret"
      ? secretTemplate(material, [])
      : privateTemplate(material, [], standardDialect);
    const unwrap = (frame: Frame) => importByUnwrapping(frame, session.handle, material, template);
    return new Pkcs11Object(session, await coreOf(session).run(unwrap, null, {}));
  }

  it("work as those that were created, and the key that carried them is gone", async () => {
    const material = readKeySync(rsa, undefined).material as RsaMaterial;
    const key = await unwrapped(material);
    const half = await session.importKey(
      execFileSync("openssl", ["rsa", "-pubout"], { input: rsa, stdio: "pipe" }).toString(),
    );
    const data = new TextEncoder().encode("signed by a key that was unwrapped");
    const signature = await session.sign(key, CKM.SHA256_RSA_PKCS, data);
    assert(await session.verify(half, CKM.SHA256_RSA_PKCS, data, signature));
    assertEquals(await key.get(["sensitive", "extractable"]), { sensitive: true, extractable: false });
    assertEquals(await session.findObjects({ class: CKO.SECRET_KEY }), []);

    const secret = await unwrapped(readKeySync(aes, undefined).material);
    const iv = new Uint8Array(16);
    const outside = await crypto.subtle.importKey("jwk", { ...aes }, "AES-CBC", false, ["encrypt"]);
    const expected = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CBC", iv }, outside, data));
    assertEquals(await session.encrypt(secret, aesCbc({ iv }), data), expected);
    assertEquals((await session.findObjects({ class: CKO.SECRET_KEY, keyType: CKK.AES })).length, 1);
  });
});

describe("importing with unwrap: true", { skip: softhsmSkip }, () => {
  let on: TokenSession;
  before(async () => {
    on = await TokenSession.open();
  });
  after(() => on.close());

  it("creates what can be created, and gives the first answer where both ways are refused", async () => {
    const { session } = on;
    const key = await session.importKey(rsa, {}, { unwrap: true });
    await key.destroy();
    const pair = await session.importKeyPair(rsa, {}, {}, { unwrap: true });
    for (const each of [pair.publicKey, pair.privateKey]) await each.destroy();
    const error = await assertRejects(() => session.importKey(rsa, { modulusBits: 5 }, { unwrap: true }), Pkcs11Error);
    assertEquals([error.code, error.fn], [CKR.ATTRIBUTE_TYPE_INVALID, "C_CreateObject"]);
    assertEquals(await session.findObjects(), []);
  });

  it("wants true or false", () => {
    assertThrows(() => on.session.importKeySync(rsa, {}, { unwrap: "yes" as never }), TypeError, "unwrap is a string");
  });
});
