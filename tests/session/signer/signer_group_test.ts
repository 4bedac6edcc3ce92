// About session/signer/signer_group.ts and session/groups/: one key on several tokens, with signers that do as they are told.
import { assert, assertEquals, assertMatch, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { CKR, type CkrName } from "../../../ffi/constants/mod.ts";
import {
  type GroupedSigner,
  type MemberEvent,
  ObjectNotFoundError,
  Pkcs11Error,
  SessionClosedError,
  type SignerGroup,
  signerGroup,
  type SignerGroupMember,
} from "../../../session/mod.ts";
import { type Signer, signJws, verifyJws } from "../../../http/mod.ts";
import { foreignSignal, reportedWhile } from "../../_support/foreign_signals.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const message = new TextEncoder().encode("what is signed") as Bytes;
const publicJwk = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };

/** A signer whose signature is its name; what it does instead is set by the test. */
class Told implements GroupedSigner {
  readonly algorithm: string = "EdDSA";
  readonly keyId: string;
  /** What it does in place of signing. */
  instead: ((message: Bytes, signal: AbortSignal | undefined) => Bytes | Promise<Bytes>) | null = null;
  /** How often it was asked. */
  asked = 0;

  constructor(name: string) {
    this.keyId = name;
  }

  async sign(message: Bytes, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Bytes> {
    this.asked++;
    return await (this.instead?.(message, options.signal) ?? new TextEncoder().encode(this.keyId) as Bytes);
  }

  publicJwk(): object {
    return publicJwk;
  }

  failing(error: unknown): this {
    this.instead = () => Promise.reject(error);
    return this;
  }
}

function code(name: CkrName): Pkcs11Error {
  return new Pkcs11Error(CKR[name.slice(4) as keyof typeof CKR], "C_Sign");
}

async function nameOf(signature: Promise<Bytes> | Bytes): Promise<string> {
  return new TextDecoder().decode(await signature);
}

function states({ members }: SignerGroup): string[] {
  return members.map(({ state }) => state);
}

/** Resolves when a member leaves or comes back. */
function event(group: SignerGroup, type: "member-out" | "member-in"): Promise<SignerGroupMember> {
  return new Promise((resolve) =>
    group.addEventListener(type, ({ member }: MemberEvent<SignerGroupMember>) => resolve(member), { once: true })
  );
}

describe("a group of signers", () => {
  it("gives each call to the member with the fewest, and of equals to the one that has rested longest", async () => {
    const [a, b] = [new Told("a"), new Told("b")];
    const group = signerGroup([a, b]);
    assertEquals([group.algorithm, group.keyId, group.publicJwk()], ["EdDSA", "a", publicJwk]);
    assertEquals([await nameOf(group.sign(message)), await nameOf(group.sign(message))], ["a", "b"]);
    const { promise, resolve } = Promise.withResolvers<Bytes>();
    a.instead = () => promise;
    const held = group.sign(message);
    for (let call = 0; call < 3; call++) assertEquals(await nameOf(group.sign(message)), "b");
    a.instead = null;
    resolve(message);
    assertEquals(await held, message);
  });

  it("leaves a member out whose token is at fault, tells of it, and lets another make the signature", async () => {
    const faults: readonly unknown[] = [
      code("CKR_DEVICE_ERROR"),
      code("CKR_DEVICE_MEMORY"),
      code("CKR_DEVICE_REMOVED"),
      code("CKR_TOKEN_NOT_PRESENT"),
      code("CKR_TOKEN_NOT_RECOGNIZED"),
      code("CKR_PIN_LOCKED"),
      code("CKR_PIN_INCORRECT"),
      code("CKR_SESSION_CLOSED"),
      code("CKR_SESSION_HANDLE_INVALID"),
      // What may be the message's fault is the member's where another one can do it.
      code("CKR_GENERAL_ERROR"),
      code("CKR_FUNCTION_FAILED"),
      new Pkcs11Error(0x8000_0385, "C_Sign"),
      new TypeError("fetch failed"),
      new SessionClosedError("sign"),
      new ObjectNotFoundError("the key", "find the signing key again"),
    ];
    for (const fault of faults) {
      const [a, b] = [new Told("a").failing(fault), new Told("b")];
      const group = signerGroup([a, b], { retryAfter: 0 });
      const out: unknown[] = [];
      group.addEventListener("member-out", ({ member }) => out.push(member));
      const about = String(fault);
      assertEquals(await nameOf(group.sign(message)), "b", about);
      assertEquals(out, [{ signer: a, state: "out", error: fault }], about);
      assertEquals(group.members, [{ signer: a, state: "out", error: fault }, { signer: b, state: "in" }], about);
      assertEquals(await nameOf(group.sign(message)), "b", about);
      assertEquals(a.asked, 1, about);
    }
  });

  it("hands on what is the caller's own fault, and leaves nobody out for it", async () => {
    const inputs = ["CKR_DATA_LEN_RANGE", "CKR_KEY_FUNCTION_NOT_PERMITTED", "CKR_MECHANISM_PARAM_INVALID"] as const;
    for (const error of [...inputs.map(code), code("CKR_FUNCTION_CANCELED")]) {
      const [a, b] = [new Told("a").failing(error), new Told("b").failing(error)];
      const group = signerGroup([a, b]);
      assertStrictEquals(await assertRejects(() => group.sign(message)), error);
      assertEquals([a.asked, b.asked, ...states(group)], [1, 0, "in", "in"]);
    }
    // What no member can do was the message's fault.
    const error = code("CKR_GENERAL_ERROR");
    const group = signerGroup([new Told("a").failing(error), new Told("b").failing(error)]);
    assertStrictEquals(await assertRejects(() => group.sign(message)), error);
    assertEquals(states(group), ["in", "in"]);
    await assertRejects(() => group.sign("text" as never), TypeError);
  });

  it("says at once why the last member has left when all of them have", async () => {
    const [a, b] = [new Told("a").failing(code("CKR_DEVICE_ERROR")), new Told("b").failing(code("CKR_DEVICE_REMOVED"))];
    const group = signerGroup([a, b]);
    for (let call = 0; call < 3; call++) {
      const error = await assertRejects(() => group.sign(message), Pkcs11Error);
      assertEquals(error.ckr, "CKR_DEVICE_REMOVED");
    }
    assertEquals([a.asked, b.asked], [1, 1]);
  });

  it("tries a member again with the message it failed on, and tells that it is back", async () => {
    const [a, b] = [new Told("a").failing(code("CKR_DEVICE_REMOVED")), new Told("b")];
    const group = signerGroup([a, b], { retryAfter: 1 });
    assertEquals(await nameOf(group.sign(message)), "b");
    // Tried in vain some times first.
    const tried: Bytes[] = [];
    const back = event(group, "member-in");
    a.instead = (bytes) => {
      tried.push(bytes);
      if (tried.length < 3) throw code("CKR_TOKEN_NOT_PRESENT");
      return bytes;
    };
    // A group's timers keep no process alive.
    const alive = setInterval(() => {}, 1000);
    assertEquals(await back, { signer: a, state: "in" });
    clearInterval(alive);
    assertEquals(tried, [message, message, message]);
    a.instead = null;
    const names = [await nameOf(group.sign(message)), await nameOf(group.sign(message))];
    assertEquals(names.sort(), ["a", "b"]);
  });

  it("tries a locked one again, and never one whose PIN was refused", async () => {
    const [refused, locked] = [new Told("refused"), new Told("locked")];
    const group = signerGroup([refused, locked], { retryAfter: 1 });
    const alive = setInterval(() => {}, 1000);
    for (let time = 0; time < 3; time++) {
      refused.failing(code("CKR_PIN_INCORRECT"));
      locked.failing(code("CKR_PIN_LOCKED"));
      await assertRejects(() => group.sign(message), Pkcs11Error);
      const unlocked = event(group, "member-in");
      refused.instead = locked.instead = null;
      assertStrictEquals((await unlocked).signer, locked);
      assertEquals(await nameOf(group.sign(message)), "locked");
    }
    clearInterval(alive);
    assertEquals([refused.asked, states(group)], [1, ["out", "in"]]);
  });

  it("leaves a slow member out, and hands on at once all that it has not answered", async () => {
    const [slow, fast] = [new Told("slow"), new Told("fast")];
    const given: (AbortSignal | undefined)[] = [];
    slow.instead = (_message, signal) => {
      given.push(signal);
      return new Promise(() => {});
    };
    const group = signerGroup([slow, fast], { slowAfter: 20, retryAfter: 0 });
    let held = 0;
    fast.instead = () => {
      held++;
      return new TextEncoder().encode("fast") as Bytes;
    };
    const names = await Promise.all(Array.from({ length: 10 }, () => nameOf(group.sign(message))));
    assertEquals(names, Array(10).fill("fast"));
    assertEquals([held, slow.asked >= 1, states(group)], [10, true, ["out", "in"]]);
    assertEquals((group.members[0]!.error as Error).name, "TimeoutError");
    // Nobody works on for a caller who has his answer.
    assert(given.every((signal) => signal?.aborted));
  });

  it("signs for a caller whose signal cannot be left, and counts no call as under way", async () => {
    const refusal = new Error("not left");
    const group = signerGroup([new Told("a"), new Told("b")]);
    const signal = foreignSignal("removeEventListener", refusal);
    const reported = await reportedWhile(async () => {
      assertEquals(await nameOf(group.sign(message, { signal })), "a");
      assertEquals(await nameOf(group.sign(message, { signal })), "b");
    });
    assertEquals(reported, [refusal, refusal]);
  });

  it("ends a call with the caller's signal, for whom nobody is left out", async () => {
    const silent = new Told("silent");
    silent.instead = () => new Promise(() => {});
    const group = signerGroup([silent, silent]);
    const controller = new AbortController();
    const ended = assertRejects(() => group.sign(message, { signal: controller.signal }), Error, "enough");
    controller.abort(new Error("enough"));
    await ended;
    await assertRejects(() => group.sign(message, { signal: controller.signal }), Error, "enough");
    assertEquals([silent.asked, ...states(group)], [1, "in", "in"]);
  });

  it("gives each member bytes of its own", async () => {
    const [a, b] = [new Told("a"), new Told("b")];
    a.instead = (bytes) => {
      bytes.fill(0);
      throw code("CKR_DEVICE_ERROR");
    };
    b.instead = (bytes) => bytes;
    const given = message.slice();
    const signature = signerGroup([a, b], { retryAfter: 0 }).sign(given);
    given.fill(1);
    assertEquals(await signature, message);
  });

  it("signs in place with the members that can, and passes those over whose session is not to be had", () => {
    const able = (name: string, signSync: () => Bytes): GroupedSigner => Object.assign(new Told(name), { signSync });
    const name = (bytes: Bytes) => new TextDecoder().decode(bytes);
    const closed = able("closed", () => {
      throw new SessionClosedError("sign");
    });
    const gone = able("gone", () => {
      throw code("CKR_DEVICE_REMOVED");
    });
    const works = able("works", () => new TextEncoder().encode("works") as Bytes);
    const group = signerGroup([new Told("cannot"), closed, gone, works], { retryAfter: 0 });
    assertEquals([name(group.signSync(message)), name(group.signSync(message))], ["works", "works"]);
    assertEquals(states(group), ["in", "in", "out", "in"]);
    const error = assertThrows(() => signerGroup([new Told("cannot")]).signSync(message), Error);
    assertEquals(error.name, "NotSupportedError");
  });

  it("has members with one key and one algorithm, or is refused", () => {
    const other = new Told("other");
    other.publicJwk = () => ({ ...publicJwk, x: "AAAA" });
    const silent = Object.assign(new Told("silent"), { publicJwk: undefined });
    const [a, b] = [new Told("a"), Object.assign(new Told("b"), { algorithm: "ES256" })];
    const wrong: readonly [unknown, RegExp][] = [
      [[], /expected one or more, got none/],
      [undefined, /got undefined/],
      [[a, other], /signer 2 does not belong to it: its key is another/],
      [[a, silent], /signer 2 .* does not tell its public key/],
      [[silent], /signer 1 .* does not tell its public key/],
      [[a, b], /its algorithm is ES256, that of the first EdDSA/],
      [[a, {}], /signer 2 .* without the members/],
      [[a, null], /signer 2 .* null/],
    ];
    for (const [signers, text] of wrong) {
      assertMatch(assertThrows(() => signerGroup(signers as never), TypeError).message, text);
    }
    for (const options of [{ slowAfter: -1 }, { retryAfter: NaN }]) {
      assertThrows(() => signerGroup([a], options), RangeError);
    }
    assertThrows(() => signerGroup([a], 5 as never), TypeError);
    // One key under two names is one key; the first name is the group's.
    assertEquals(signerGroup([a, new Told("again")]).keyId, "a");
  });

  it("finds out by a signature whether secret keys are the same, before one is used", async () => {
    const mac = (secret: string): GroupedSigner => ({
      algorithm: "HS256",
      keyId: secret,
      sign: async (bytes) => {
        const raw = new TextEncoder().encode(secret);
        const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
        return new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes));
      },
    });
    const group = signerGroup([mac("one"), mac("two"), mac("one")], { retryAfter: 1 });
    const expected = await mac("one").sign(message);
    for (let call = 0; call < 4; call++) assertEquals(await group.sign(message), expected);
    assertEquals(states(group), ["in", "out", "in"]);
    assertMatch((group.members[1]!.error as Error).message, /secret key is another/);
    assertThrows(() => group.publicJwk(), TypeError, "no public half");
  });

  describe("whose keys are secret", () => {
    /** A signer whose signatures and proofs are what `made` holds at the time. */
    const mac = (made: { bytes: unknown }): GroupedSigner => ({
      algorithm: "HS256",
      keyId: "mac",
      sign: () => made.bytes instanceof Error ? Promise.reject(made.bytes) : Promise.resolve(made.bytes as Bytes),
      signSync: () => made.bytes as Bytes,
    });
    const right = Uint8Array.of(1, 2, 3);
    const wrong = Uint8Array.of(9, 9, 9);

    it("holds an answer that is no bytes for its member's fault, whoever is asked first", async () => {
      for (const lie of ["abc", [1, 2, 3], undefined, Promise.resolve(right)]) {
        const group = signerGroup([mac({ bytes: lie }), mac({ bytes: right })], { retryAfter: 0 });
        assertEquals(group.signSync(message), right);
        assertEquals(await group.sign(message), right);
        assertEquals(states(group), ["out", "in"]);
        assertMatch((group.members[0]!.error as Error).message, /expected a Uint8Array, got/);
        await assertRejects(() => signerGroup([mac({ bytes: "abc" })]).sign(message), TypeError, "got a string");
      }
    });

    it("leaves nobody out for good where two differ and the first was wrong", async () => {
      const first = { bytes: wrong as unknown };
      const group = signerGroup([mac(first), mac({ bytes: right })], { retryAfter: 1 });
      assertEquals(await group.sign(message), wrong);
      assertEquals(await group.sign(message), wrong);
      assertEquals(states(group), ["in", "out"]);
      first.bytes = right;
      while (states(group)[1] === "out") {
        assertEquals(await group.sign(message), right);
        await new Promise((go) => setTimeout(go, 1));
      }
    });

    it("asks one that comes back for its proof again", async () => {
      const card = { bytes: right as unknown };
      const group = signerGroup([mac({ bytes: right }), mac(card)], { retryAfter: 1 });
      for (let call = 0; call < 2; call++) assertEquals(await group.sign(message), right);
      card.bytes = code("CKR_DEVICE_REMOVED");
      const left = event(group, "member-out");
      for (let call = 0; call < 2; call++) assertEquals(await group.sign(message), right);
      await left;
      // Another card is in its reader.
      card.bytes = wrong;
      while (!/another than/.test(String(group.members[1]!.error))) await new Promise((go) => setTimeout(go, 1));
      for (let call = 0; call < 4; call++) assertEquals(await group.sign(message), right);
      card.bytes = right;
      while (states(group)[1] === "out") await new Promise((go) => setTimeout(go, 1));
    });
  });

  it("says of a hole in the list which signer is none", () => {
    // deno-lint-ignore no-sparse-arrays
    const holed = [, new Told("b")] as unknown as GroupedSigner[];
    assertThrows(() => signerGroup(holed), TypeError, "signer 1 does not belong to it: it is undefined");
  });

  it("signs wherever a signer does", async () => {
    const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const jwk = await crypto.subtle.exportKey("jwk", pair.publicKey) as Record<string, string>;
    const signer: Signer = {
      algorithm: "ES256",
      keyId: "one key",
      sign: async (bytes) =>
        new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, bytes)),
      publicJwk: () => jwk,
    };
    const lost: Signer = { ...signer, sign: () => Promise.reject(code("CKR_DEVICE_REMOVED")) };
    const group: Signer = signerGroup([lost, signer], { retryAfter: 0 });
    const { payload } = await verifyJws(await signJws(group, "signed by a group"), group.publicJwk!());
    assertEquals(new TextDecoder().decode(payload), "signed by a group");
  });
});
