import { execFileSync } from "node:child_process";
import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Pkcs11Uri, registerPinSource, requestPin } from "../../../session/mod.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

describe("requestPin() and registerPinSource()", () => {
  it("asks the newest callback first and takes the first answer", async () => {
    const asked: string[] = [];
    const answer = (name: string, pin: string | null) => () => {
      asked.push(name);
      return pin;
    };
    using _one = registerPinSource("vault", answer("one", "1111"));
    using _two = registerPinSource("vault", answer("two", "2222"));
    {
      using _three = registerPinSource("vault", answer("three", null));
      assertEquals(await requestPin("vault"), "2222");
      assertEquals(asked.splice(0), ["three", "two"]);
    }
    assertEquals(await requestPin("vault"), "2222");
    assertEquals(asked, ["two"]);
  });

  it("falls back to the empty name only for sources without callbacks of their own", async () => {
    using _fallback = registerPinSource("", ({ source }) => `for ${source}`);
    using _silent = registerPinSource("silent", () => null);
    assertEquals(await requestPin("elsewhere"), "for elsewhere");
    assertEquals(await requestPin("silent"), null);
  });

  it("tells the callback what the PIN is for", async () => {
    const uri = Pkcs11Uri.parse("pkcs11:token=a?pin-source=told");
    let seen: unknown;
    using _source = registerPinSource("told", (request) => {
      seen = request;
      return new Uint8Array([49, 50]);
    });
    const pin = await requestPin("told", { uri, description: "a", retry: true, finalTry: true });
    assertEquals(pin, new Uint8Array([49, 50]));
    const expected = { source: "told", uri, description: "a", retry: true, countLow: false, finalTry: true };
    assertEquals(seen, expected);
  });

  it("disposing takes one registration away, once", async () => {
    const same = () => "1";
    const one = registerPinSource("twice", same);
    const two = registerPinSource("twice", same);
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    assertEquals(await requestPin("twice"), "1");
    two[Symbol.dispose]();
    assertEquals(await requestPin("twice"), null);
  });

  it("awaits promises and passes errors on", async () => {
    using _slow = registerPinSource("slow", () => Promise.resolve("late"));
    using _broken = registerPinSource("broken", () => Promise.reject(new Error("vault is sealed")));
    assertEquals(await requestPin("slow"), "late");
    await assertRejects(() => requestPin("broken"), Error, "sealed");
  });

  it("reads files by path and by file: URI, without the last line break", async () => {
    const folder = temporaryFolder("pins");
    const path = `${folder}/a pin`;
    writeFileSync(path, "yoga\n");
    assertEquals(await requestPin(path), "yoga");
    assertEquals(await requestPin(`file:${path.replace(" ", "%20")}`), "yoga");
    assertEquals(await requestPin(`file://${path.replace(" ", "%20")}`), "yoga");
    assertEquals(await requestPin(`file://localhost${path}`), "yoga");
    writeFileSync(path, " with spaces \n");
    assertEquals(await requestPin(path), " with spaces ");
    writeFileSync(path, "dos\r\n");
    assertEquals(await requestPin(path), "dos");
    writeFileSync(path, "none");
    assertEquals(await requestPin(path), "none");
    writeFileSync(path, "");
    assertEquals(await requestPin(path), "");
    writeFileSync(path, new Uint8Array([0xff, 0xfe, 0x0a]));
    assertEquals(await requestPin(path), new Uint8Array([0xff, 0xfe]));
  });

  it("refuses a file with what nobody types, and shows none of it", async () => {
    const path = `${temporaryFolder("pins")}/pin`;
    const refused: readonly [content: string | Uint8Array, message: string][] = [
      ["\ufeff1234", "it begins with a byte-order mark; save it as UTF-8 without one"],
      ["\ufeff", "it begins with a byte-order mark; save it as UTF-8 without one"],
      ["1234\0\0", "it has NUL bytes in it; save it as UTF-8"],
      [new Uint8Array([0xff, 0xfe, 0x31, 0, 0x32, 0]), "it has NUL bytes in it; save it as UTF-8"],
      ["1234\n\n", "it has more than one line"],
      ["1234\r\r\n", "it has more than one line"],
      ["1234\n5678", "it has more than one line"],
    ];
    for (const [content, state] of refused) {
      writeFileSync(path, content);
      const { message } = await assertRejects(() => requestPin(path), TypeError);
      assertEquals(message, `Cannot use the PIN file ${path}: ${state}`);
    }
  });

  it("does not read a file again when its PIN was wrong", async () => {
    const path = `${temporaryFolder("pins")}/pin`;
    writeFileSync(path, "1234");
    assertEquals(await requestPin(path, { retry: true }), null);
  });

  it("refuses files that are missing, too large or unreadable, and names them", async () => {
    const folder = temporaryFolder("pins");
    await assertRejects(() => requestPin(`${folder}/missing`), Error, `${folder}/missing`);
    writeFileSync(`${folder}/large`, "1".repeat(3073));
    await assertRejects(() => requestPin(`${folder}/large`), RangeError, "3072 bytes");
    writeFileSync(`${folder}/largest`, "1".repeat(3072));
    assertEquals((await requestPin(`${folder}/largest`))?.length, 3072);
    if (process.getuid?.() !== 0) {
      writeFileSync(`${folder}/closed`, "1");
      chmodSync(`${folder}/closed`, 0);
      await assertRejects(() => requestPin(`${folder}/closed`), Error, "closed");
    }
  });

  it("waits for no pipe, terminal or folder, whatever leads there", async () => {
    const folder = temporaryFolder("pins");
    const unsuitable = [folder];
    if (process.platform !== "win32") {
      execFileSync("mkfifo", [`${folder}/pipe`]);
      symlinkSync("pipe", `${folder}/link`);
      writeFileSync(`${folder}/pin`, "1234");
      symlinkSync("pin", `${folder}/good`);
      assertEquals(await requestPin(`${folder}/good`), "1234");
      unsuitable.push(`${folder}/pipe`, `${folder}/link`, "/dev/zero");
    }
    for (const path of unsuitable) {
      await assertRejects(() => requestPin(path), Error, `Cannot read the PIN file ${path}: it is no regular file`);
    }
  });

  it("never runs a command, and has no answer for names nobody knows", async () => {
    const path = `${temporaryFolder("pins")}/ran`;
    assertEquals(await requestPin(`|touch ${path}`), null);
    assertEquals(await requestPin("gnome-keyring"), null);
    assertEquals(await requestPin("https://example.com/pin"), null);
    assertEquals(await requestPin(""), null);
    await assertRejects(() => requestPin(path), Error);
  });

  it("takes names and functions only", async () => {
    assertThrows(() => registerPinSource(1 as unknown as string, () => null), TypeError);
    assertThrows(() => registerPinSource("a", "1234" as unknown as () => null), TypeError);
    await assertRejects(() => requestPin(null as unknown as string), TypeError);
  });
});
