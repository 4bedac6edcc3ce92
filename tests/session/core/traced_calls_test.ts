import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import { tracingChannel } from "node:diagnostics_channel";
import { after, afterEach, before, describe, it } from "node:test";
import { inspect } from "node:util";
import { CKM, CKR, CKU } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error, type TracedCall } from "../../../session/mod.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";

const names = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;
const channel = tracingChannel("gp11:call");

describe("The tracing channel gp11:call", { skip: softhsmSkip }, () => {
  const place = new AsyncLocalStorage<string>();
  const events: { name: string; call: TracedCall; place: string | undefined }[] = [];
  const listeners = names.map((name) => (message: unknown) => {
    events.push({ name, call: message as TracedCall, place: place.getStore() });
  });
  let on: TokenSession;

  before(async () => {
    on = await TokenSession.open();
  });
  after(() => on.close());
  afterEach(unlisten);

  function listen(): void {
    events.length = 0;
    for (const [index, name] of names.entries()) channel[name].subscribe(listeners[index]!);
  }

  function unlisten(): void {
    for (const [index, name] of names.entries()) channel[name].unsubscribe(listeners[index]!);
  }

  const seen = () => events.map(({ name, call }) => `${call.fn} ${name}`);

  it("tells of each call in place from start to end, with what it is about", () => {
    const { module, session, slot, token } = on;
    listen();
    session.digestSync(CKM.SHA256, new Uint8Array(3));
    unlisten();
    session.digestSync(CKM.SHA256, new Uint8Array(3));
    assertEquals(seen(), ["C_DigestInit start", "C_DigestInit end", "C_Digest start", "C_Digest end"]);
    const { call } = events[2]!;
    assert(call.module === module && call.slot === slot && call.session === session);
    assertEquals([call.mechanism, call.token, call.rv, call.sync], [CKM.SHA256, token.label, CKR.OK, true]);
    assert(events[3]!.call === call);
  });

  it("tells of asynchronous calls one by one, in the context they were asked for in", async () => {
    const { session, slot } = on;
    listen();
    await Promise.all(
      ["one", "other"].map((each) => place.run(each, () => session.digest(CKM.SHA256, new Uint8Array(3)))),
    );
    for (const each of ["one", "other"]) {
      const own = events.filter((event) => event.place === each).map(({ name, call }) => `${call.fn} ${name}`);
      const life = (fn: string) => ["start", "end", "asyncStart", "asyncEnd"].map((name) => `${fn} ${name}`);
      assertEquals(own, [...life("C_DigestInit"), ...life("C_Digest")]);
    }
    assert(events.every(({ call }) => call.sync === false && call.session === session));
    events.length = 0;
    await slot.info();
    assert(events.every(({ call }) => call.fn === "C_GetSlotInfo" && call.slot === slot && call.session === undefined));
    assertEquals(events.length, 4);
  });

  it("tells of each call that is made for many inputs, in place and on a thread", async () => {
    const inputs = [3, 4, 5].map((length) => new Uint8Array(length));
    listen();
    on.session.digestManySync(CKM.SHA256, inputs);
    const starts = () => seen().filter((event) => event.endsWith(" start"));
    const each = Array.from(inputs, () => ["C_DigestInit start", "C_Digest start"]).flat();
    assertEquals(starts(), each);
    events.length = 0;
    await on.session.digestMany(CKM.SHA256, inputs);
    assertEquals(starts(), each);
  });

  it("tells what fails a call, and ends what it has begun", async () => {
    const { session } = on;
    const key = await on.hmacKey();
    listen();
    await assertRejects(() => session.digest(0x80001234, new Uint8Array(32)), Pkcs11Error);
    assertEquals(seen(), ["start", "end", "error", "asyncStart", "asyncEnd"].map((name) => `C_DigestInit ${name}`));
    assert(events[2]!.call.error instanceof Pkcs11Error);
    assertEquals(events[4]!.call.rv, (events[2]!.call.error as Pkcs11Error).code);
    events.length = 0;
    const pin = ["not", "it"].join("");
    const error = assertThrows(() => session.loginSync(CKU.SO, pin), Pkcs11Error);
    assertEquals(seen().slice(-3), ["C_Login start", "C_Login error", "C_Login end"]);
    assertEquals((events.at(-1)!.call.error as Pkcs11Error).code, error.code);
    assert(!inspect(events, { depth: 9 }).includes(pin));
    events.length = 0;
    const mechanism = CKM.SHA256_HMAC;
    assertEquals(await session.verify(key, mechanism, new Uint8Array(3), new Uint8Array(32)), false);
    assertEquals(events.filter(({ name }) => name === "error"), []);
  });

  it("tells of no error where what may have ended is ended", async () => {
    const key = await on.hmacKey();
    const errors = () =>
      events.filter(({ name }) => name === "error").map(({ call }) => `${call.fn} ${(call.error as Pkcs11Error).ckr}`);
    listen();
    const signer = await on.session.signer(key, CKM.SHA256_HMAC);
    await signer.update(new Uint8Array(3));
    await signer.close();
    const open = await on.another();
    await open.signer(key, CKM.SHA256_HMAC);
    await open.close();
    await using other = await on.another();
    await other.cancelOperation();
    other.cancelOperationSync();
    await using pool = on.slot.sessionPool({ max: 1 });
    await pool.use(async (session) => void await session.signer(key, CKM.SHA256_HMAC));
    await pool.use((session) => session.digest(CKM.SHA256, new Uint8Array(3)));
    assertEquals(errors(), []);
    assert(events.some(({ call }) => call.rv !== CKR.OK));
  });

  it("tells of no more calls than are made where an operation is aborted", async () => {
    const { session } = on;
    listen();
    const controller = new AbortController();
    const calls = Array.from(
      { length: 4 },
      () => session.digest(CKM.SHA256, new Uint8Array(3), { signal: controller.signal }).catch(() => {}),
    );
    controller.abort();
    await Promise.all(calls);
    await session.idle();
    const count = (name: string) => events.filter((event) => event.name === name).length;
    assertEquals(count("start"), count("asyncEnd"));
    assertEquals(
      await session.digest(CKM.SHA256, new Uint8Array(3)),
      session.digestSync(CKM.SHA256, new Uint8Array(3)),
    );
  });
});
