import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { CKM, CKO, CKU } from "../../../ffi/constants/mod.ts";
import { tokenInfoOf } from "../../../session/core/infos.ts";
import { pbkdf2 } from "../../../session/mechanisms/mod.ts";
import { Pkcs11Uri } from "../../../session/uri/mod.ts";
import { softhsmSkip as skip } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";

const timeout = 240_000;
const half = "12\ud83d34";

describe("Texts between programs and tokens", () => {
  let open: TokenSession;
  before(async () => {
    if (!skip) open = await TokenSession.open();
  });
  after(() => open?.close());

  it("come back character by character, a first U+FEFF too", { skip, timeout }, async () => {
    const { session } = open;
    for (const label of ["\ufeffmarked", "\ufeff", "\ufeff\ufeff ключ \u{1f511}", `\ufeff${"long ".repeat(40)}`]) {
      const object = await session.createObject({ class: CKO.DATA, label, application: label, token: false });
      assertEquals(await object.get(["label", "application"]), { label, application: label });
      const found = session.findObjectsSync({ label }, { read: ["label"] });
      assertEquals(found.map(({ attributes }) => attributes!.get("label")), [label]);
      await object.destroy();
    }
  });

  it(
    "are refused where they have half a character, before the token sees another text",
    { skip, timeout },
    async () => {
      const { session, slot } = open;
      const refused = { message: "half of a surrogate pair" };
      const calls: (() => Promise<unknown>)[] = [
        () => session.createObject({ class: CKO.DATA, label: half }),
        () => session.findObjects({ label: half }),
        () => session.generateKey(CKM.AES_KEY_GEN, { valueLen: 16, label: half }),
        () => session.login(CKU.USER, half),
        () => session.setPin("1234", half),
        () => session.initPin(half),
        () => slot.initToken("1234", half),
        () => slot.openSession({ login: { pin: half } }),
      ];
      for (const call of calls) {
        const error = await assertRejects(call, TypeError, refused.message);
        assertEquals(error.message.includes(half), false);
      }
      assertEquals(await session.findObjects({ class: CKO.DATA }), []);
      assertThrows(() => Pkcs11Uri.from({ object: half }), TypeError, refused.message);
      assertThrows(
        () => pbkdf2({ hash: "SHA-256", password: half, salt: new Uint8Array(8), iterations: 1000 }),
        TypeError,
        refused.message,
      );
    },
  );
});

describe("What a token tells of itself", () => {
  const field = (text: string, length: number) => {
    const bytes = new Uint8Array(length).fill(0x20);
    bytes.set(new TextEncoder().encode(text));
    return bytes;
  };
  const info = (unknown: number | bigint, ulong: 4 | 8) =>
    tokenInfoOf({
      label: field("\ufefftoken", 32),
      manufacturerID: field("maker", 32),
      model: field("", 16),
      serialNumber: field("1", 16),
      flags: 0,
      ulMaxSessionCount: unknown,
      ulSessionCount: unknown,
      ulMaxRwSessionCount: 0,
      ulRwSessionCount: 1,
      ulMaxPinLen: unknown,
      ulMinPinLen: unknown,
      ulTotalPublicMemory: unknown,
      ulFreePublicMemory: unknown,
      ulTotalPrivateMemory: unknown,
      ulFreePrivateMemory: unknown,
      hardwareVersion: { major: 1, minor: 0 },
      firmwareVersion: { major: 1, minor: 0 },
      utcTime: field("", 16),
    }, ulong);

  it("is undefined where it is CK_UNAVAILABLE_INFORMATION, lengths of PINs too", () => {
    for (const told of [info(2n ** 64n - 1n, 8), info(0xffff_ffff, 4)]) {
      const { maxPinLen, minPinLen, maxSessionCount, freePrivateMemory } = told;
      assertEquals([maxPinLen, minPinLen, maxSessionCount, freePrivateMemory], new Array(4).fill(undefined));
    }
    assertEquals(info(2n ** 53n, 8).maxPinLen, undefined);
    assertEquals([info(0xffff_ffff, 8).maxPinLen, info(8, 8).minPinLen], [0xffff_ffff, 8]);
  });

  it("keeps the first character of a label, whatever it is", () => {
    assertEquals(info(0, 8).label, "\ufefftoken");
  });
});
