import { assert, assertEquals } from "@std/assert";
import { after, describe, it } from "node:test";
import { CKA } from "../../../ffi/constants/cka.ts";
import { CKK, CKO } from "../../../ffi/constants/objects.ts";
import { CKM } from "../../../ffi/constants/ckm.ts";
import type { Attributes } from "../../../session/attributes/attributes.ts";
import { RawSession } from "../../_support/raw_session.ts";
import { createToken, softhsmSkip } from "../../_support/softhsm.ts";
import { softoknModule, softoknSkip, softoknWithoutDatabase } from "../../_support/softokn.ts";

const key = {
  class: CKO.SECRET_KEY,
  keyType: CKK.AES,
  value: Uint8Array.from({ length: 32 }, (_, index) => index),
  label: "Schlüssel für Übungen",
  id: Uint8Array.of(0, 1, 0xff),
  token: false,
  wrap: true,
  encrypt: true,
};

/** What was read, in the order it was asked for: the state, and the value where there is one. */
function statesAndValues(attributes: Attributes): unknown[] {
  return [...attributes].map(({ state, value }) => value === undefined ? state : value);
}

/** What differs between modules. */
interface Habits {
  /** Calls it takes to read attributes of ordinary lengths. */
  readonly calls: number;
  /** Whether it can read the dates of private objects; SoftHSM2 fails on those. */
  readonly privateDates: boolean;
}

function describeModule(name: string, skip: string | false, habits: Habits, open: () => RawSession): void {
  describe(`attributes on ${name}`, () => {
    let opened: RawSession | undefined;
    const session = () => opened ??= open();
    after(() => opened?.close());

    it(`are written and read in ${habits.calls === 1 ? "one call" : "two calls"}, each with its kind`, { skip }, () => {
      const object = session().create({ ...key, sensitive: false, extractable: true });
      const types = [CKA.CLASS, CKA.KEY_TYPE, CKA.LABEL, CKA.ID, CKA.TOKEN, CKA.ENCRYPT, CKA.VALUE, CKA.VALUE_LEN];
      const { attributes, calls } = session().read(object, types);
      assertEquals(statesAndValues(attributes), [
        CKO.SECRET_KEY,
        CKK.AES,
        key.label,
        key.id,
        false,
        true,
        key.value,
        32,
      ]);
      assertEquals(calls, habits.calls);
    });

    it("keep their dates, as days in UTC", { skip }, () => {
      const [startDate, endDate] = [new Date("2026-11-21T23:59:59Z"), new Date("2030-02-28T00:00:00Z")];
      const object = session().create({ ...key, private: habits.privateDates, startDate, endDate });
      const { attributes } = session().read(object, [CKA.START_DATE, CKA.END_DATE]);
      assertEquals(attributes.get("startDate"), new Date("2026-11-21T00:00:00Z"));
      assertEquals(attributes.get("endDate"), endDate);
    });

    it("that are sensitive or missing hide none of the others", { skip }, () => {
      const object = session().create({ ...key, sensitive: true, extractable: false });
      const types = [CKA.VALUE, CKA.LABEL, CKA.PRIME, CKA.MODULUS, CKA.URL, 0x80004711, CKA.SENSITIVE];
      const { attributes } = session().read(object, types);
      assertEquals(statesAndValues(attributes), [
        "sensitive",
        key.label,
        "invalid",
        "invalid",
        "invalid",
        "invalid",
        true,
      ]);
    });

    it("longer than anybody would guess are read whole", { skip }, () => {
      const value = new Uint8Array(100_000).map((_, index) => index * 31);
      const object = session().create({
        class: CKO.DATA,
        token: false,
        application: "gp11",
        label: "x".repeat(300),
        value,
      });
      const { attributes } = session().read(object, [CKA.APPLICATION, CKA.VALUE, CKA.LABEL]);
      assertEquals(attributes.get("value"), value);
      assertEquals([attributes.get("application"), attributes.get("label")], ["gp11", "x".repeat(300)]);
    });

    it("that are empty say so", { skip }, () => {
      const object = session().create({ class: CKO.DATA, token: false, value: new Uint8Array(0), label: "" });
      const { attributes } = session().read(object, [CKA.VALUE, CKA.LABEL]);
      assertEquals([attributes.get("value"), attributes.state("value")], [new Uint8Array(0), "empty"]);
      assertEquals([attributes.get("label"), attributes.state("label")], ["", "empty"]);
    });
  });
}

function openSofthsm(): RawSession {
  const { module, label, userPin } = createToken();
  return RawSession.open(module, { label, pin: userPin });
}

describeModule("SoftHSM2", softhsmSkip, { calls: 1, privateDates: false }, openSofthsm);
describeModule(
  "NSS softokn",
  softoknSkip,
  { calls: 2, privateDates: true },
  () => RawSession.open(softoknModule()!, { reserved: softoknWithoutDatabase }),
);

describe("array attributes on SoftHSM2", () => {
  let opened: RawSession | undefined;
  const session = () => opened ??= openSofthsm();
  after(() => opened?.close());

  it("are nested templates and lists of mechanisms", { skip: softhsmSkip }, () => {
    const object = session().create({
      ...key,
      allowedMechanisms: [CKM.AES_CBC, CKM.AES_GCM],
      wrapTemplate: { class: CKO.SECRET_KEY, extractable: true },
    });
    const { attributes } = session().read(object, [
      CKA.LABEL,
      CKA.WRAP_TEMPLATE,
      CKA.ALLOWED_MECHANISMS,
      CKA.UNWRAP_TEMPLATE,
    ]);
    assertEquals(attributes.get("allowedMechanisms")?.toSorted(), [CKM.AES_CBC, CKM.AES_GCM]);
    const template = attributes.get("wrapTemplate");
    assert(template);
    assertEquals(template.size, 2);
    assertEquals([template.get("class"), template.get("extractable")], [CKO.SECRET_KEY, true]);
    assertEquals(attributes.state("unwrapTemplate"), "empty");
    assertEquals(attributes.get("label"), key.label);
  });
});
