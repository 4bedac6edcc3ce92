import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import process from "node:process";
import { after, afterEach, before, describe, it } from "node:test";
import { CKM, CKO, CKR } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../../../session/errors.ts";
import { findByUri } from "../../../session/find_by_uri.ts";
import type { Module } from "../../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../../session/tokens/object.ts";
import type { Session } from "../../../session/tokens/session.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { type StrictModule, strictModuleSkip } from "../../_support/strict_module.ts";
import { openStrictToken } from "../../_support/strict_token.ts";
import { TokenSession } from "../../_support/token_session.ts";

const timeout = 240_000;

describe("An attribute that SoftHSM2 fails to give", () => {
  const skip = softhsmSkip;
  const read = ["label", "startDate", "class"] as const;
  let open: TokenSession;

  before(async () => {
    if (skip) return;
    open = await TokenSession.open();
    // Dates of private objects are CKR_GENERAL_ERROR there.
    for (const label of ["one", "dated", "two"]) {
      const startDate = label === "dated" ? new Date("2024-02-29") : undefined;
      await open.session.generateKey(CKM.AES_KEY_GEN, { valueLen: 16, token: true, private: true, label, startDate });
    }
  });
  after(() => open?.close());

  const labels = (found: readonly Pkcs11Object[]) => found.map(({ attributes }) => attributes!.get("label")).sort();

  it("is that attribute's state, with the module's answer as its error", { skip, timeout }, async () => {
    const [key] = await open.session.findObjects({ label: "dated" });
    for (const attributes of [await key!.getAttributes(read), key!.getAttributesSync(read)]) {
      assertEquals(read.map((name) => attributes.state(name)), ["ok", "error", "ok"]);
      assertEquals([attributes.get("label"), attributes.get("class")], ["dated", CKO.SECRET_KEY]);
      const error = attributes.error("startDate");
      assertInstanceOf(error, Pkcs11Error);
      assertEquals([error.code, error.fn], [CKR.GENERAL_ERROR, "C_GetAttributeValue"]);
      assert(error.message.includes("startDate"), error.message);
      assertStrictEquals(attributes.error("startDate"), error);
      assertEquals([attributes.error("label"), attributes.error("modulus")], [undefined, undefined]);
      assertEquals([...attributes].map(({ error }) => error !== undefined), [false, true, false]);
      assert(String(attributes).includes("startDate: <error>"));
    }
    assertEquals(await key!.get(["startDate"]), { startDate: undefined });
  });

  it("takes no other attribute and no other object with it", { skip, timeout }, async () => {
    const { session, module, token } = open;
    const match = { class: CKO.SECRET_KEY };
    assertEquals(labels(await session.findObjects(match, { read })), ["dated", "one", "two"]);
    assertEquals(labels(session.findObjectsSync(match, { read })), ["dated", "one", "two"]);
    const walked: Pkcs11Object[] = [];
    for await (const object of session.objects(match, { read })) walked.push(object);
    assertEquals(labels(walked), ["dated", "one", "two"]);
    assertEquals(labels([...session.objectsSync(match, { read })]), ["dated", "one", "two"]);
    const byUri: Pkcs11Object[] = [];
    const problems: unknown[] = [];
    const uri = `pkcs11:token=${encodeURIComponent(token.label)};type=secret-key?pin-value=${
      encodeURIComponent(token.userPin)
    }`;
    for await (
      const object of findByUri(uri, {
        modules: [module],
        read,
        onError: (problem) => problems.push(problem),
      })
    ) {
      byUri.push(object);
    }
    assertEquals([labels(byUri), problems], [["dated", "one", "two"], []]);
  });
});

describe("Attributes of a module that fails or lies", () => {
  const skip = strictModuleSkip;
  let strict: StrictModule;
  let module: Module;
  let session: Session;
  let object: Pkcs11Object;

  before(async () => {
    if (skip) return;
    ({ strict, module, session, key: object } = await openStrictToken("2.40"));
  });
  afterEach(() => strict?.reset());
  after(() => module?.close());

  const always = { times: 1000 };

  it("are states as long as the session answers", { skip }, async () => {
    strict.fail("C_GetAttributeValue", CKR.DEVICE_ERROR, always);
    const attributes = await object.getAttributes(["label", "id"]);
    assertEquals([attributes.state("label"), attributes.state("id")], ["error", "error"]);
    assertEquals((await session.findObjects({}, { read: ["label"] })).length, 3);
    strict.fail("C_GetSessionInfo", CKR.DEVICE_ERROR, always);
    for (const call of [() => object.get(["label", "id"]), () => session.findObjects({}, { read: ["label"] })]) {
      const error = await assertRejects(call, Pkcs11Error);
      assertEquals([error.code, error.fn], [CKR.DEVICE_ERROR, "C_GetAttributeValue"]);
    }
  });

  it("fail together where the answer is about the session or the object", { skip }, async () => {
    for (const rv of [CKR.SESSION_HANDLE_INVALID, CKR.DEVICE_REMOVED, CKR.OBJECT_HANDLE_INVALID]) {
      strict.fail("C_GetAttributeValue", rv, { times: 2 });
      assertEquals((await assertRejects(() => object.get(["label"]), Pkcs11Error)).code, rv);
      assertThrows(() => object.getSync(["label"]), Pkcs11Error);
    }
    // Destroyed by somebody else between two calls for it.
    strict.fail("C_GetAttributeValue", CKR.DEVICE_ERROR);
    strict.fail("C_GetAttributeValue", CKR.OBJECT_HANDLE_INVALID, { after: 1 });
    assertEquals(session.findObjectsSync({}, { read: ["label"] }).map(({ handle }) => handle), [1n, 3n]);
  });

  it("have the state error where a length cannot be, and make no room for it", { skip }, async () => {
    strict.set("lie", 0x7fff_ffff);
    const before = process.memoryUsage().rss;
    for (let round = 0; round < 20; round++) {
      const attributes = round % 2 ? object.getAttributesSync(["label"]) : await object.getAttributes(["label"]);
      assertEquals(attributes.state("label"), "error");
      const error = attributes.error("label");
      assertInstanceOf(error, RangeError);
      assert(error.message.startsWith("Cannot read the attribute label: the module names 2147483647 bytes"));
    }
    assert(process.memoryUsage().rss - before < 2 ** 30);
  });
});
