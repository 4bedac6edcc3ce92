// About session/attributes/derived_attributes.ts and session/attributes/named_parameters.ts: curves and sets by their names.
import { assertEquals, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { CKA, CKK, CKM } from "../../../ffi/constants/mod.ts";
import { compileTemplate } from "../../../session/attributes/attributes_init.ts";
import {
  curveOfParameters,
  curveParameters,
  curves,
  parameterSets,
} from "../../../session/attributes/named_parameters.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { TokenSession } from "../../_support/token_session.ts";

describe("a curve's name", () => {
  it("stands for its object identifier in templates, and is read back from every form", () => {
    assertEquals(compileTemplate({ namedCurve: "P-256" }), [
      { type: CKA.EC_PARAMS, value: Uint8Array.fromHex("06082a8648ce3d030107") },
    ]);
    for (const curve of curves) assertEquals(curveOfParameters(curveParameters(curve)), curve);
    const printable = Uint8Array.of(0x13, 12, ...new TextEncoder().encode("edwards25519"));
    assertEquals(curveOfParameters(printable)?.name, "Ed25519");
    for (const broken of ["", "06", "0608", "3000", "06082a8648ce3d03010700", "06032a0304"]) {
      assertEquals(curveOfParameters(Uint8Array.fromHex(broken)), undefined);
    }
  });

  it("is refused where it is none, or given beside ecParams", () => {
    assertThrows(() => compileTemplate({ namedCurve: "P-257" as "P-256" }), TypeError, "P-224, P-256, P-384");
    assertThrows(() => compileTemplate({ namedCurve: 5 as never }), TypeError, "got a number");
    assertThrows(() => compileTemplate({ namedCurve: "P-256", ecParams: new Uint8Array(3) }), TypeError, "given twice");
  });
});

describe("a parameter set's name", () => {
  it("stands for its number, which is counted in each family", () => {
    assertEquals(compileTemplate({ parameterSet: "ML-DSA-65" }), [{ type: CKA.PARAMETER_SET, value: 2 }]);
    assertEquals(compileTemplate({ parameterSet: "ML-KEM-768", keyType: CKK.ML_KEM })[0]!.value, 2);
    for (const set of parameterSets) {
      assertEquals(compileTemplate({ keyType: set.keyType, parameterSet: set.name })[1]!.value, set.number);
    }
  });

  it("is refused for keys of another family, and where it is none", () => {
    const other = assertThrows(() => compileTemplate({ parameterSet: "ML-DSA-65", keyType: CKK.ML_KEM }), TypeError);
    assertEquals(other.message, "Cannot use attribute parameterSet: ML-DSA-65 is of ML-DSA, the key is CKK_ML_KEM");
    assertThrows(
      () => compileTemplate({ parameterSet: "ML-DSA-65" }, CKK.SLH_DSA),
      TypeError,
      "the key is CKK_SLH_DSA",
    );
    assertThrows(
      () => compileTemplate({ parameterSet: "ML-DSA-66" as "ML-DSA-65" }),
      TypeError,
      "ML-DSA-44, ML-DSA-65",
    );
  });
});

describe("named parameters on a token", () => {
  let on: TokenSession;
  before(async () => {
    if (!softhsmSkip) on = await TokenSession.open();
  });
  after(() => on?.close());

  it("make keys, find them and are read of them", { skip: softhsmSkip }, async () => {
    for (
      const [namedCurve, mechanism] of [["P-384", CKM.EC_KEY_PAIR_GEN], [
        "Ed25519",
        CKM.EC_EDWARDS_KEY_PAIR_GEN,
      ]] as const
    ) {
      const template = { namedCurve, token: false, verify: true, label: namedCurve };
      const { publicKey } = await on.session.generateKeyPair(mechanism, template, { token: false, sign: true });
      assertEquals(await publicKey.get(["namedCurve", "label"]), { namedCurve, label: namedCurve });
      const read = publicKey.getAttributesSync(["namedCurve"]);
      assertEquals([read.get("namedCurve"), read.state("namedCurve")], [namedCurve, "ok"]);
      const [found] = await on.session.findObjects({ namedCurve, label: namedCurve }, { read: ["namedCurve"] });
      assertEquals(found!.attributes!.get("namedCurve"), namedCurve);
    }
    assertThrows(
      () => on.session.generateKeyPairSync(CKM.ML_DSA_KEY_PAIR_GEN, { parameterSet: "ML-KEM-768" }, {}),
      TypeError,
      "the key is CKK_ML_DSA",
    );
  });
});
