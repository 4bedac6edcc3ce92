import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import * as constants from "../../../ffi/constants/mod.ts";
import { definedNames, failedAssertions } from "../../_support/c_assertions.ts";
import { compilerSkip } from "../../_support/c_compiler.ts";
import { type Pkcs11Header, pkcs11Headers } from "../../_support/pkcs11_headers.ts";

const { CK, CKA, CKC, CKD, CKF, CKG, CKH, CKK, CKM, CKN, CKO, CKP, CKR, CKS, CKT, CKU, CKV, CKZ } = constants;
const groups = { CK, CKA, CKC, CKD, CKF, CKG, CKH, CKK, CKM, CKN, CKO, CKP, CKR, CKS, CKT, CKU, CKV, CKZ };
const all = new Map<string, number>(
  Object.entries(groups).flatMap(([prefix, values]) =>
    Object.entries(values).map(([name, value]): [string, number] => [`${prefix}_${name}`, value])
  ),
);

/** Names headers have that are no values of the standard, or that it spells in another way. */
const notConstants = new Set([
  "CK_BOOL",
  "CK_EFFECTIVELY_INFINITE",
  "CK_FALSE",
  "CK_INVALID_HANDLE",
  "CK_TRUE",
  "CK_UNAVAILABLE_INFORMATION",
]);

describe("the standard's constants", () => {
  it("are all of 3.2: as many of each kind as its header has", () => {
    const counts = Object.fromEntries(Object.entries(groups).map(([name, group]) => [name, Object.keys(group).length]));
    assertEquals(counts.CKM, 480);
    assertEquals(counts.CKA, 160);
    assertEquals(counts.CKR, 105);
    assertEquals(counts.CKK, 69);
    assertEquals(counts.CKF, 73);
    assertEquals(counts.CKO, 13);
    assertEquals(counts.CKP, 34);
    assertEquals(counts.CKD, 26);
  });

  it("are unsigned 32-bit integers", () => {
    for (const [name, value] of all) {
      assert(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff, `${name} is ${value}`);
    }
  });

  it("include what 3.2 added", () => {
    assertEquals(CKM.ML_KEM_KEY_PAIR_GEN, 0x0f);
    assertEquals(CKM.HASH_ML_DSA_SHAKE256, 0x2c);
    assertEquals(CKK.SLH_DSA, 0x4b);
    assertEquals(CKA.PARAMETER_SET, 0x61d);
    assertEquals(CKA.WRAP_TEMPLATE, 0x40000211);
    assertEquals(CKO.TRUST, 0x0b);
    assertEquals(CKP.ML_KEM_1024, 3);
    assertEquals(CKR.PARAMETER_SET_NOT_SUPPORTED, 0x209);
    assertEquals(CKT.NOT_TRUSTED, 3);
    assertEquals(CKV.TYPE_HYBRID, 4);
    assertEquals(CKH.DETERMINISTIC_REQUIRED, 2);
  });

  it("give CK_UNAVAILABLE_INFORMATION for the width of a CK_ULONG", () => {
    assertEquals(constants.unavailableInformation(8), 2n ** 64n - 1n);
    assertEquals(constants.unavailableInformation(4), 2n ** 32n - 1n);
  });
});

function comparison({ prelude, differs }: Pkcs11Header): string {
  const checks = [...all].filter(([name]) => !differs.includes(name)).map(([name, value]) =>
    `#ifdef ${name}\n_Static_assert((${name}) == ${value}UL, "${name} is not ${value}");\n#endif`
  );
  return `${prelude}\n${checks.join("\n")}\n`;
}

describe("constants against the headers of this machine", () => {
  const noHeaders = pkcs11Headers.length === 0 && "no PKCS#11 header is installed";
  it("there is something to compare with", { skip: compilerSkip || noHeaders }, () => {
    assert(pkcs11Headers.length > 0);
  });

  for (const header of pkcs11Headers) {
    it(`have the numbers of ${header.name}`, { skip: compilerSkip }, () => {
      assertEquals(failedAssertions(comparison(header), header.options), []);
    });

    it(`leave out nothing of ${header.name} but its vendor's own`, { skip: compilerSkip }, () => {
      const standard = definedNames(header.prelude, header.options).filter((name) =>
        /^CK[A-Z]*_[A-Z0-9_]+$/.test(name)
      );
      const missing = standard.filter((name) => !all.has(name) && !notConstants.has(name));
      const language = /^CK[A-Z]*_(NSS|NETSCAPE)|^CK_(DECLARE|CALLBACK|PTR)|_PTR$/;
      assertEquals(missing.filter((name) => !language.test(name) && !header.own.test(name)), []);
    });
  }
});

describe("names of numbers", () => {
  it("are the standard's", () => {
    assertEquals(constants.ckrName(0xa0), "CKR_PIN_INCORRECT");
    assertEquals(constants.ckrName(0xa0n), "CKR_PIN_INCORRECT");
    assertEquals(constants.ckmName(0x1087), "CKM_AES_GCM");
    assertEquals(constants.ckaName(0x40000600), "CKA_ALLOWED_MECHANISMS");
    assertEquals(constants.ckoName(3), "CKO_PRIVATE_KEY");
    assertEquals(constants.ckkName(0x49), "CKK_ML_KEM");
    assertEquals(constants.ckcName(0), "CKC_X_509");
    assertEquals(constants.cksName(1), "CKS_RO_USER_FUNCTIONS");
    assertEquals(constants.ckuName(2), "CKU_CONTEXT_SPECIFIC");
  });

  it("are the names of today where a number has two", () => {
    assertEquals(constants.ckkName(3), "CKK_EC");
    assertEquals(constants.ckmName(0x1040), "CKM_EC_KEY_PAIR_GEN");
    assertEquals(constants.ckaName(0x180), "CKA_EC_PARAMS");
    assertEquals(constants.ckaName(0x134), "CKA_SUBPRIME_BITS");
  });

  it("show vendors' and unknown numbers in hexadecimal", () => {
    assertEquals(constants.ckrName(0x80000001), "CKR_0x80000001");
    assertEquals(constants.ckmName(0xce534351), "CKM_0xce534351");
    for (const value of ["0x1087", undefined, null, {}]) {
      assertThrows(() => constants.ckmName(value as never), TypeError, "Cannot name a CKM");
      assertThrows(() => constants.ckrName(value as never), TypeError, "Cannot name a CKR");
    }
    assertEquals(constants.ckaName(0x7777), "CKA_0x7777");
    assertEquals(constants.ckrName(2n ** 63n), "CKR_0x8000000000000000");
  });
});

describe("names of flags", () => {
  it("depend on the structure the flags are of", () => {
    assertEquals(constants.ckfNames(6, "slot"), ["CKF_REMOVABLE_DEVICE", "CKF_HW_SLOT"]);
    assertEquals(constants.ckfNames(6, "token"), ["CKF_WRITE_PROTECTED", "CKF_LOGIN_REQUIRED"]);
    assertEquals(constants.ckfNames(6n, "session"), ["CKF_RW_SESSION", "CKF_SERIAL_SESSION"]);
    assertEquals(constants.ckfNames(6, "mechanism"), ["CKF_MESSAGE_ENCRYPT", "CKF_MESSAGE_DECRYPT"]);
    assertEquals(constants.ckfNames(1069, "token").length, 5);
    assertEquals(constants.ckfNames(0, "token"), []);
  });

  it("are numbers in hexadecimal for bits without a name", () => {
    assertEquals(constants.ckfNames(0x8000_0001, "slot"), ["CKF_TOKEN_PRESENT", "CKF_0x80000000"]);
    assertEquals(constants.ckfNames(2 ** 40 + 0x8000_0000, "mechanism"), ["CKF_EXTENSION", "CKF_0x10000000000"]);
  });

  it("are refused for what are no flags and no structure", () => {
    const kind = "tokens" as "token";
    assertThrows(() => constants.ckfNames(1, kind), TypeError, "expected slot, token, session, mechanism");
    assertThrows(() => constants.ckfNames(1, 5n as unknown as "slot"), TypeError, "Cannot name flags of a bigint");
    assertThrows(() => constants.ckfNames("1" as unknown as number, "token"), TypeError, "expected a number");
    for (const flags of [-1, 1.5, NaN]) assertThrows(() => constants.ckfNames(flags, "token"), RangeError, `${flags}`);
  });
});

describe("mechanisms by their names", () => {
  it("are found with and without prefix, and the way back from their name", () => {
    assertEquals(constants.mechanismByName("ECDSA_SHA256"), CKM.ECDSA_SHA256);
    assertEquals(constants.mechanismByName("CKM_AES_GCM"), CKM.AES_GCM);
    for (const type of [...Object.values(CKM), 0x80001234]) {
      assertEquals(constants.mechanismByName(constants.ckmName(type)), type);
    }
  });

  it("that are none are told with the nearest", () => {
    const error = assertThrows(() => constants.mechanismByName("ecdsa-sha256"), RangeError);
    assertMatch(error.message, /"ecdsa-sha256": the nearest are CKM_ECDSA_SHA256, /);
    assertThrows(() => constants.mechanismByName("toString"), RangeError);
    assertThrows(() => constants.mechanismByName(1 as unknown as string), TypeError);
  });
});

describe("what return values mean", () => {
  it("every one of the standard has a message, and no two the same", () => {
    const messages = Object.values(CKR).map((rv) => constants.ckrMessage(rv));
    assertEquals(new Set(messages).size, Object.keys(CKR).length);
    for (const message of messages) assertMatch(message, /^[a-z].*[^.]$/);
  });

  it("vendors' and unknown ones are told by number", () => {
    assertStringIncludes(constants.ckrMessage(0x80000010), "0x80000010");
    assertStringIncludes(constants.ckrMessage(0x4711), "unknown value 0x4711");
  });

  it("the confusing ones have a hint, a sentence of one line", () => {
    assertStringIncludes(constants.ckrHint(CKR.SESSION_READ_ONLY) ?? "", "readWrite");
    assertStringIncludes(constants.ckrHint(CKR.ARGUMENTS_BAD, "C_Initialize") ?? "", "reserved");
    assertEquals(constants.ckrHint(CKR.OK), undefined);
    assertEquals(constants.ckrHint(0x80000010), undefined);
    for (const rv of Object.values(CKR)) {
      const hint = constants.ckrHint(rv);
      if (hint !== undefined) assertMatch(hint, /^[A-Z][^\n]*\.$/);
    }
  });
});
