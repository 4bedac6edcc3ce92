// internal/runtime.ts: a program may put a token's Crypto in the place of the runtime's, for libraries that know no
// other; this library does not ask it for what it is made of.
import { assert, assertEquals } from "@std/assert";
import * as jose from "jose";
import { after, before, describe, it } from "node:test";
import { formDataBody } from "../../http/message/body_source.ts";
import { type TokenCrypto, tokenCrypto } from "../../webcrypto/mod.ts";
import { softhsmSkip } from "../_support/softhsm.ts";
import { TokenSession } from "../_support/token_session.ts";

const p256 = { name: "ECDSA", namedCurve: "P-256" } as const;
const signing = { name: "ECDSA", hash: "SHA-256" };
const data = new TextEncoder().encode("what is signed");

describe("a token's Crypto in the place of the runtime's", { skip: softhsmSkip }, () => {
  const own = Object.getOwnPropertyDescriptor(globalThis, "crypto")!;
  const runtime = globalThis.crypto;
  let token: TokenSession;
  let crypto: TokenCrypto;

  before(async () => {
    token = await TokenSession.open();
    crypto = await tokenCrypto(token.slot, { pin: token.token.userPin });
    Object.defineProperty(globalThis, "crypto", { value: crypto, configurable: true });
  });
  after(async () => {
    Object.defineProperty(globalThis, "crypto", own);
    await crypto.close();
    await token.close();
  });

  it("has jose sign and verify with keys of the token", async () => {
    const { publicKey, privateKey } = await crypto.subtle.generateKey(p256, false, ["sign", "verify"]);
    const jwt = await new jose.SignJWT({ sub: "me" }).setProtectedHeader({ alg: "ES256" }).sign(privateKey as never);
    assertEquals((await jose.jwtVerify(jwt, publicKey as never)).payload, { sub: "me" });
  });

  it("takes keys of the runtime's, which it asks the runtime for", async () => {
    const pair = await runtime.subtle.generateKey(p256, true, ["sign", "verify"]);
    const signature = await crypto.subtle.sign(signing, pair.privateKey, data);
    assert(await runtime.subtle.verify(signing, pair.publicKey, signature, data));
    assert(await crypto.subtle.verify(signing, pair.publicKey, signature, data));
  });

  it("is not asked for random numbers by this library, which goes on once it is closed", async () => {
    const closed = await tokenCrypto(token.slot, { pin: token.token.userPin });
    await closed.close();
    Object.defineProperty(globalThis, "crypto", { value: closed, configurable: true });
    const form = new FormData();
    form.set("a", "b");
    assert(formDataBody(form).type.startsWith("multipart/form-data"));
    const { privateKey } = await crypto.subtle.generateKey(p256, false, ["sign", "verify"]);
    assert((await crypto.subtle.sign(signing, privateKey, data)).byteLength === 64);
  });
});
