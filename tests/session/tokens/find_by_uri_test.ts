import { writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers";
import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  CKM,
  findByUri,
  type FindProblem,
  Module,
  Pkcs11Error,
  type Pkcs11Object,
  registerPinSource,
  UriError,
} from "../../../session/mod.ts";
import { compileMockModule, mockModuleSkip } from "../../_support/mock_module.ts";
import { createToken, softhsmSkip } from "../../_support/softhsm.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

async function all(objects: AsyncIterable<Pkcs11Object>): Promise<Pkcs11Object[]> {
  const list: Pkcs11Object[] = [];
  for await (const object of objects) list.push(object);
  return list;
}

/** A token with a private AES key and a public data object, both called "found". */
async function filledToken() {
  const token = createToken();
  const module = await Module.load(token.module);
  const slots = await module.slots({ tokenPresent: true });
  const infos = await Promise.all(slots.map((slot) => slot.tokenInfo()));
  const slot = slots[infos.findIndex(({ label }) => label === token.label)]!;
  await using session = await slot.openSession({ readWrite: true, login: { pin: token.userPin } });
  await session.generateKey(CKM.AES_KEY_GEN, {
    token: true,
    private: true,
    label: "found",
    id: new Uint8Array([7, 0]),
    valueLen: 16,
  });
  await session.createObject({ class: 0, token: true, private: false, label: "found", value: new Uint8Array([1]) });
  await session.logout();
  return { token, module, slot, uri: `pkcs11:token=${encodeURIComponent(token.label)}` };
}

describe("findByUri() with options that are none", () => {
  it("refuses them when it is called", () => {
    for (
      const options of [{ onError: "log" }, { interaction: {} }, { modules: "softhsm" }, { modules: 5 }, {
        modules: [1],
      }, "x"]
    ) {
      assertThrows(() => findByUri("pkcs11:token=x", options as never), TypeError, "Cannot ");
    }
    assertThrows(() => findByUri("pkcs11:", { modules: new Array(1) }), TypeError, "expected a Module, got undefined");
  });
});

describe("findByUri()", { skip: softhsmSkip }, () => {
  it("finds public objects without a login, and all with a pin-value", async () => {
    const { module, uri, slot } = await filledToken();
    const open = await all(findByUri(`${uri};object=found`, { modules: [module], read: ["class"] }));
    assertEquals(open.map((object) => object.attributes?.get("class")), [0]);
    const found = await all(findByUri(`${uri};object=found?pin-value=1234`, { modules: [module] }));
    assertEquals(found.length, 2);
    assertEquals((await slot.tokenInfo()).label, (await found[0]!.session.slot.tokenInfo()).label);
    await module.close();
  });

  it("selects by type and id, and its objects can be used", async () => {
    const { module, uri } = await filledToken();
    const [key, ...rest] = await all(
      findByUri(`${uri};type=secret-key;id=%07%00?pin-value=1234`, { modules: [module] }),
    );
    assertEquals(rest.length, 0);
    assertEquals((await key!.get(["label"])).label, "found");
    assertEquals((await all(findByUri(await key!.uri(), { modules: [module] }))).length, 1);
    assertEquals((await all(findByUri(`${uri};type=cert`, { modules: [module] }))).length, 0);
    await module.close();
  });

  it("takes the PIN from a source, from a file and from a person", async () => {
    const { module, uri, token } = await filledToken();
    const requests: unknown[] = [];
    const search = (query: string, interaction = {}) =>
      all(findByUri(`${uri};type=secret-key${query}`, { modules: [module], ...interaction }));
    const logout = async () => {
      for (const slot of await module.slots({ tokenPresent: true })) await module.closeAllSessions(slot);
    };
    using _source = registerPinSource("vault", ({ description }) => {
      requests.push(description);
      return "1234";
    });
    assertEquals((await search("?pin-source=vault")).length, 1);
    assertEquals(requests, [token.label]);
    await logout();
    const path = `${temporaryFolder("pin")}/pin`;
    writeFileSync(path, "1234\n");
    assertEquals((await search(`?pin-source=file:${path}`)).length, 1);
    await logout();
    const interaction = {
      askPin: ({ label, retry, finalTry }: { label: string; retry: boolean; finalTry: boolean }) => {
        requests.push({ label, retry, finalTry });
        return Promise.resolve("1234");
      },
    };
    assertEquals((await search("", { interaction })).length, 1);
    assertEquals(requests[1], { label: token.label, retry: false, finalTry: false });
    await module.close();
  });

  it("tells onError about a wrong PIN, once for each token, and goes on", async () => {
    const one = await filledToken();
    const problems: FindProblem[] = [];
    const options = { modules: [one.module, one.module], onError: (problem: FindProblem) => problems.push(problem) };
    assertEquals(await all(findByUri(`${one.uri}?pin-value=0000`, options)), []);
    assertEquals(problems.length, 2);
    const { error, slot } = problems[0]!;
    assertInstanceOf(error, Pkcs11Error);
    assertEquals(error.ckr, "CKR_PIN_INCORRECT");
    assertEquals(slot?.id, one.slot.id);
    // The second time nobody has asked the token: its count of wrong PINs stands at one.
    assert(problems[1]!.error === error);
    assertEquals((await all(findByUri(`${one.uri}?pin-value=1234`, { modules: [one.module] }))).length, 2);
    await one.module.close();
  });

  it("a PIN source without a PIN and a declined question are refused logins", async () => {
    const { module, uri } = await filledToken();
    for (const interaction of [{ askPin: () => null }, undefined]) {
      const problems: FindProblem[] = [];
      const query = interaction ? "" : "?pin-source=%7Ctouch%20/tmp/never";
      await all(findByUri(`${uri}${query}`, { modules: [module], interaction, onError: (p) => problems.push(p) }));
      assertEquals(problems.map(({ error }) => (error as Pkcs11Error).ckr), ["CKR_FUNCTION_CANCELED"]);
    }
    await module.close();
  });

  it("never logs in to a token the URI does not match", async () => {
    const { module, uri } = await filledToken();
    createToken();
    let asked = 0;
    const interaction = { askPin: () => (asked++, "1234") };
    await all(findByUri(`${uri};type=secret-key`, { modules: [module], interaction }));
    assertEquals(asked, 1);
    assertEquals(await all(findByUri("pkcs11:token=nobody", { modules: [module], interaction })), []);
    assertEquals(await all(findByUri("pkcs11:unheard-of=1", { modules: [module], interaction })), []);
    assertEquals(asked, 1);
    await module.close();
  });

  it("tells of private objects that could not be seen because nobody gave a PIN", async () => {
    const { module, uri } = await filledToken();
    const problems: FindProblem[] = [];
    const search = (rest: string) =>
      all(findByUri(`${uri};${rest}`, { modules: [module], onError: (problem) => problems.push(problem) }));
    assertEquals(await search("type=secret-key;object=found"), []);
    assertEquals(problems.map(({ error }) => (error as Pkcs11Error).ckr), ["CKR_USER_NOT_LOGGED_IN"]);
    assertMatch((problems[0]!.error as Pkcs11Error).hint ?? "", /pin-value/);
    // Nothing is hidden where something was found, nothing of the kind is ever private, or somebody is logged in.
    assertEquals((await search("object=found")).length, 1);
    assertEquals(await search("type=cert"), []);
    assertEquals(await search("type=secret-key;object=missing?pin-value=1234"), []);
    assertEquals(problems.length, 1);
    await module.close();
  });

  it("what fails where nobody listens is a warning, once, when nothing was found", async () => {
    const { module, uri } = await filledToken();
    const warnings: Error[] = [];
    const listener = (warning: Error) => warning.name === "Pkcs11Warning" && warnings.push(warning);
    process.on("warning", listener);
    try {
      await all(findByUri(`${uri};object=found?pin-value=9876`, { modules: [module, module] }));
      await all(findByUri(`${uri};object=found?pin-value=1234`, { modules: [module] }));
      await all(findByUri(`${uri};unheard-of=1`, { modules: [module] }));
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off("warning", listener);
    }
    assertEquals(warnings.length, 2);
    assertMatch(warnings[0]!.message, /CKR_PIN_INCORRECT/);
    assertMatch(warnings[1]!.message, /attributes that PKCS#11 URIs do not have/);
    assert(warnings.every(({ message }) => !message.includes("9876")));
    const problems: FindProblem[] = [];
    await all(findByUri(`${uri};unheard-of=1`, { modules: [module], onError: (problem) => problems.push(problem) }));
    assertEquals(problems.map(({ module }) => module), [undefined]);
    await module.close();
  });

  it("closes the sessions nothing was found in", async () => {
    const { module, uri } = await filledToken();
    const [object] = await all(findByUri(`${uri};type=data`, { modules: [module] }));
    await all(findByUri(`${uri};object=missing`, { modules: [module] }));
    assertEquals(object!.session.closed, false);
    await object!.session.close();
    await module.close();
  });

  it("chooses modules by module-path and module-name", async () => {
    const { module, uri } = await filledToken();
    const count = async (query: string) =>
      (await all(findByUri(`${uri};type=data?${query}`, { modules: [module] }))).length;
    assertEquals(await count("module-name=softhsm2"), 1);
    assertEquals(await count("module-name=libsofthsm2"), 1);
    assertEquals(await count("module-name=opensc"), 0);
    assertEquals(await count(`module-path=${module.path}`), 1);
    assertEquals(await count("module-path=/nowhere.so"), 0);
    await module.close();
  });

  it("refuses what is no URI, and stops when it is aborted", async () => {
    assertThrows(() => findByUri("pkcs11:token"), UriError);
    assertThrows(() => findByUri(1 as unknown as string), TypeError);
    const { module, uri } = await filledToken();
    const controller = new AbortController();
    await assertRejects(
      async () => {
        for await (const _ of findByUri(`${uri}?pin-value=1234`, { modules: [module], signal: controller.signal })) {
          controller.abort(new Error("enough"));
          await all(findByUri(uri, { modules: [module], signal: controller.signal }));
        }
      },
      Error,
      "enough",
    );
    await module.close();
  });
});

describe("findByUri() over damaged slots and modules", { skip: mockModuleSkip }, () => {
  it("passes over a bad slot and a closed module", async () => {
    const mock = compileMockModule("find", "slots=3,badslot");
    await using module = await Module.load(mock.path);
    const closed = await Module.load(mock.path);
    await closed.close();
    const problems: FindProblem[] = [];
    await all(
      findByUri("pkcs11:model=mock", { modules: [closed, module], onError: (problem) => problems.push(problem) }),
    );
    assertEquals(problems.map(({ slot, error }) => [slot?.id, (error as Pkcs11Error).ckr]), [
      [undefined, "CKR_CRYPTOKI_NOT_INITIALIZED"],
      [0n, "CKR_DEVICE_ERROR"],
    ]);
    assertEquals(mock.sessions(), 0);
  });

  it("finds nothing in a module without slots, and follows slots that come", async () => {
    const empty = compileMockModule("empty", "slots=0");
    await using nothing = await Module.load(empty.path);
    assertEquals(await all(findByUri("pkcs11:", { modules: [nothing] })), []);
    const mock = compileMockModule("growing", "slots=1,changing");
    await using growing = await Module.load(mock.path);
    const { length } = await growing.slots();
    assertGreater((await growing.slots()).length, length);
    assertEquals(await all(findByUri("pkcs11:token=growing%20token2", { modules: [growing] })), []);
  });
});
