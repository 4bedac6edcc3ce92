import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import type { Abi } from "../../../ffi/runtime/native.ts";
import {
  functionListSize,
  functionOffset,
  pointerSize,
  readStruct,
  type StructDefinition,
  structLayout,
  writeStruct,
} from "../../../ffi/memory/structs.ts";
import * as cipher from "../../../ffi/memory/structs_cipher.ts";
import * as derive from "../../../ffi/memory/structs_derive.ts";
import * as infos from "../../../ffi/memory/structs_infos.ts";
import * as publicKey from "../../../ffi/memory/structs_public_key.ts";
import { compilerTakes, failedAssertions } from "../../_support/c_assertions.ts";
import { compilerSkip } from "../../_support/c_compiler.ts";
import { abis, pointedTo, usedBlock } from "../../_support/native_block.ts";
import { pkcs11Headers } from "../../_support/pkcs11_headers.ts";

const structs: [string, StructDefinition][] = Object.entries({ ...cipher, ...derive, ...infos, ...publicKey });

/** C types that make a 64-bit compiler lay structures out as another ABI does. */
const dataModels: { readonly name: string; readonly abi: Abi; readonly types: string; readonly options: string[] }[] = [
  { name: "LP64", abi: abis.lp64, types: "typedef unsigned long U; typedef void *P;", options: [] },
  {
    name: "Windows: 4-byte CK_ULONG, packed",
    abi: abis.windows,
    types: "#pragma pack(1)\ntypedef unsigned int U; typedef void *P;",
    options: [],
  },
  {
    name: "ILP32 by its types",
    abi: abis.ilp32,
    types: "typedef unsigned int U; typedef unsigned int P;",
    options: [],
  },
  {
    name: "ILP32 by the compiler",
    abi: abis.ilp32,
    types: "typedef unsigned long U; typedef void *P;",
    options: ["-m32"],
  },
  {
    name: "8-byte CK_ULONG, packed",
    abi: abis.packed64,
    types: "#pragma pack(1)\ntypedef unsigned long U; typedef void *P;",
    options: [],
  },
];

function declaration(name: string, definition: StructDefinition): string {
  const members = Object.entries(definition).map(([member, type]) => {
    const field = member.replace(".", "_");
    if (typeof type === "number") return `unsigned char ${field}[${type}];`;
    const types = { ulong: `U ${field}`, pointer: `P ${field}`, byte: `unsigned char ${field}` };
    return type === "version" ? `struct { unsigned char major, minor; } ${field};` : `${types[type]};`;
  });
  return `typedef struct { ${members.join(" ")} } ${name};`;
}

function layoutAssertions(name: string, definition: StructDefinition, abi: Abi, flat: boolean): string[] {
  const { size, offsets } = structLayout(definition, abi);
  return [
    `_Static_assert(sizeof(${name}) == ${size}, "sizeof ${name} is not ${size}");`,
    ...Object.entries(offsets).map(([member, offset]) => {
      const field = flat ? member.replace(".", "_") : member;
      return `_Static_assert(offsetof(${name}, ${field}) == ${offset}, "${name}.${member} is not at ${offset}");`;
    }),
  ];
}

describe("layouts against the C compiler", () => {
  for (const { name, abi, types, options } of dataModels) {
    const skip = compilerSkip || (!compilerTakes(...options) && `the compiler does not take ${options.join(" ")}`);
    it(`are the compiler's: ${name}`, { skip }, () => {
      const text = structs.flatMap(([struct, definition]) => [
        declaration(struct, definition),
        ...layoutAssertions(struct, definition, abi, true),
      ]);
      assertEquals(failedAssertions(`#include <stddef.h>\n${types}\n${text.join("\n")}\n`, options), []);
    });
  }

  for (const { name, prelude, options, text } of pkcs11Headers) {
    const known = structs.filter(([struct]) => new RegExp(`(\\}|struct \\w+)\\s*${struct};`).test(text));
    // p11-kit gives its members names of its own: their places show in the sizes alone.
    const membersToo = name !== "p11-kit";
    it(`are those of ${name} where it has the structure`, { skip: compilerSkip }, () => {
      assert(known.length > 10);
      const checks = known.flatMap(([struct, definition]) => {
        const nssForm = struct === "CK_C_INITIALIZE_ARGS" && text.includes("LibraryParameters");
        const all = layoutAssertions(struct, nssForm ? infos.CK_C_INITIALIZE_ARGS_NSS : definition, abis.lp64, false);
        return membersToo ? all : all.slice(0, 1);
      });
      assertEquals(failedAssertions(`${prelude}${checks.join("\n")}\n`, options), []);
    });
  }
});

describe("a layout", () => {
  it("has the sizes measured on LP64 and stated for Windows", () => {
    const sizes = (definition: StructDefinition) => [
      structLayout(definition, abis.lp64).size,
      structLayout(definition, abis.windows).size,
    ];
    assertEquals(sizes(infos.CK_ATTRIBUTE), [24, 16]);
    assertEquals(sizes(infos.CK_MECHANISM), [24, 16]);
    assertEquals(sizes(cipher.CK_GCM_PARAMS), [48, 32]);
    assertEquals(structLayout(infos.CK_INFO, abis.lp64).size, 88);
    assertEquals(structLayout(infos.CK_INFO, abis.packed64).size, 76);
    assertEquals(structLayout(infos.CK_TOKEN_INFO, abis.lp64).size, 208);
    assertEquals(structLayout(infos.CK_C_INITIALIZE_ARGS, abis.lp64).size, 48);
    assertEquals(structLayout(infos.CK_C_INITIALIZE_ARGS_NSS, abis.lp64).size, 56);
  });

  it("is computed once for a structure and an ABI", () => {
    assert(structLayout(infos.CK_INFO, abis.lp64) === structLayout(infos.CK_INFO, { ulong: 8, packed: false }));
    assert(structLayout(infos.CK_INFO, abis.lp64) !== structLayout(infos.CK_INFO, abis.windows));
  });

  it("knows pointers of 4 bytes on 32-bit systems alone", () => {
    assertEquals(Object.values(abis).map(pointerSize), [8, 8, 4, 8]);
  });

  it("places the functions of a list after its version", () => {
    assertEquals([functionOffset(0, abis.lp64), functionOffset(1, abis.lp64)], [8, 16]);
    assertEquals([functionOffset(0, abis.windows), functionOffset(1, abis.windows)], [2, 10]);
    assertEquals([functionOffset(0, abis.ilp32), functionOffset(1, abis.ilp32)], [4, 8]);
    assertEquals(functionListSize(68, abis.lp64), 552);
    assertEquals(functionListSize(68, abis.packed64), 546);
    assertEquals(functionListSize(104, abis.lp64), 840);
  });
});

describe("writing and reading a structure", () => {
  for (const [name, abi] of Object.entries(abis)) {
    it(`gives back what was written: ${name}`, () => {
      const block = usedBlock(abi);
      const values = {
        bExtract: true,
        bExpand: false,
        prfHashMechanism: 0x250,
        pSalt: null,
        hSaltKey: 7n,
        ulInfoLen: 3,
      };
      const offset = writeStruct(block, derive.CK_HKDF_PARAMS, values);
      const read = readStruct(block, derive.CK_HKDF_PARAMS, offset);
      assertEquals([read.bExtract, read.bExpand, read.prfHashMechanism], [1, 0, 0x250]);
      assertEquals([read.pSalt, read.hSaltKey, read.ulInfoLen], [0n, 7, 3]);
    });

    it(`clears members that were not given: ${name}`, () => {
      const block = usedBlock(abi);
      const read = readStruct(block, cipher.CK_GCM_PARAMS, writeStruct(block, cipher.CK_GCM_PARAMS, {}));
      assertEquals(Object.values(read), [0n, 0, 0, 0n, 0, 0]);
    });

    it(`copies bytes behind pointers and into arrays: ${name}`, () => {
      const block = usedBlock(abi);
      const data = Uint8Array.from({ length: 40 }, (_, index) => index);
      const iv = data.slice(0, 16);
      const offset = writeStruct(block, cipher.CK_AES_CBC_ENCRYPT_DATA_PARAMS, { iv, pData: data, length: 40 });
      const read = readStruct(block, cipher.CK_AES_CBC_ENCRYPT_DATA_PARAMS, offset);
      assertEquals(read.iv, iv);
      // A 4-byte pointer holds the lower half of this 64-bit process's address.
      const address = pointerSize(abi) === 8 ? read.pData : (block.base & ~0xffff_ffffn) | read.pData;
      if (pointerSize(abi) === 8) assertEquals(pointedTo(block, address, 40), data);
    });
  }

  it("keeps versions, wide numbers and texts apart", () => {
    const block = usedBlock(abis.lp64);
    const label = new TextEncoder().encode("token".padEnd(32));
    const offset = writeStruct(block, infos.CK_TOKEN_INFO, {
      label,
      ulMaxPinLen: 255n,
      ulTotalPublicMemory: 2n ** 64n - 1n,
      firmwareVersion: { major: 2, minor: 40 },
    });
    const read = readStruct(block, infos.CK_TOKEN_INFO, offset);
    assertEquals(read.label, label);
    assertEquals(read.ulMaxPinLen, 255);
    assertEquals(read.ulTotalPublicMemory, 2n ** 64n - 1n);
    assertEquals(read.firmwareVersion, { major: 2, minor: 40 });
  });

  it("works in the further pieces of a full block", () => {
    const block = usedBlock(abis.lp64, 16);
    const offset = writeStruct(block, derive.CK_KEY_DERIVATION_STRING_DATA, {
      pData: new Uint8Array(100).fill(7),
      ulLen: 100,
    });
    const read = readStruct(block, derive.CK_KEY_DERIVATION_STRING_DATA, offset);
    assertEquals(read.ulLen, 100);
    assert(read.pData !== 0n);
  });

  it("refuses numbers that do not fit the module's CK_ULONG", () => {
    const write = (ulLen: number | bigint, abi: Abi) => () =>
      writeStruct(usedBlock(abi), derive.CK_KEY_DERIVATION_STRING_DATA, { ulLen });
    assertThrows(write(2 ** 32, abis.windows), RangeError, "ulLen");
    assertThrows(write(-1, abis.lp64), RangeError, "ulLen");
    assertThrows(write(1.5, abis.lp64), RangeError, "1.5");
    assertThrows(write(2n ** 64n, abis.lp64), RangeError, "2^64");
  });
});
