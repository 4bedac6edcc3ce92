// session/log_calls/format.ts and mod.ts: modules that say they have filled more than the room they were given.
import { after, before, beforeEach, describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { CKM, type LoggedCall, Module, type Pkcs11Object, type Session } from "../../../session/mod.ts";

import { StrictModule, strictModuleSkip } from "../../_support/strict_module.ts";

/** More than any room here, and more than is mapped behind one. */
const LIE = 100_000_000;

describe("logCalls on a module that miscounts", { skip: strictModuleSkip }, () => {
  const events: LoggedCall[] = [];
  let strict: StrictModule;
  let logged: Module;
  let plain: Module;
  const sessions: Session[] = [];
  const objects = new Map<Session, Pkcs11Object>();

  before(async () => {
    strict = new StrictModule("2.40");
    plain = await Module.load(strict.path, { managed: "gp11" });
    logged = await Module.load(strict.path, { managed: "gp11", logCalls: { event: (call) => events.push(call) } });
    for (const module of [plain, logged]) {
      const session = await (await module.slots())[0]!.openSession();
      sessions.push(session);
      objects.set(session, (await session.findObjects())[0]!);
    }
  });

  after(async () => {
    await logged.close();
    await plain.close();
  });

  beforeEach(() => {
    strict.set("lie", 0);
    events.length = 0;
  });

  const calls: Record<string, [string, string, (session: Session) => unknown]> = {
    mechanisms: ["C_GetMechanismList", "pMechanismList", (session) => session.slot.mechanismsSync()],
    "found objects": ["C_FindObjects", "object", (session) => session.findObjectsSync()],
    attributes: [
      "C_GetAttributeValue",
      "pTemplate",
      (session) => objects.get(session)!.getSync(["label", "class", "id"]),
    ],
    bytes: ["C_Digest", "pDigest", (session) => session.digestSync(CKM.SHA256, new Uint8Array(3))],
  };
  for (const [what, [fn, name, call]] of Object.entries(calls)) {
    it(`shows no ${what} behind the room, and the call ends as without a log`, () => {
      strict.set("lie", LIE);
      const [expected, got] = sessions.map((session) => outcomeOf(() => call(session)));
      assertEquals(got, expected);
      const made = events.filter((event) => event.fn === fn && event.code === 0);
      const values = made.flatMap(({ output }) =>
        output.filter((each) => each.name === name).map(({ value }) => value)
      );
      assertStringIncludes(values.join(), `(${LIE}) ????`);
    });
  }
});

function outcomeOf(call: () => unknown): string {
  try {
    return String(call());
  } catch (error) {
    return String(error);
  }
}
