import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ReadPlan } from "../../../ffi/attributes/read_plan.ts";
import { nativeRuntime } from "../../../ffi/runtime/runtime.ts";
import { CKA } from "../../../ffi/constants/cka.ts";
import { CKM } from "../../../ffi/constants/ckm.ts";
import { CKR } from "../../../ffi/constants/ckr.ts";
import { CKO } from "../../../ffi/constants/objects.ts";
import { prepareMechanism, writeMechanism } from "../../../ffi/memory/mechanisms.ts";
import type { Block } from "../../../ffi/memory/block.ts";
import type { Abi } from "../../../ffi/runtime/native.ts";
import {
  functionListSize,
  functionOffset,
  readStruct,
  structLayout,
  writeStruct,
} from "../../../ffi/memory/structs.ts";
import { CK_TOKEN_INFO } from "../../../ffi/memory/structs_infos.ts";
import { writeTemplate } from "../../../ffi/memory/templates.ts";
import { readRequest } from "../../../session/attributes/attribute_table.ts";
import { attributesOf } from "../../../session/attributes/attributes.ts";
import { compileTemplate } from "../../../session/attributes/attributes_init.ts";
import { aesGcm, kbkdf } from "../../../session/mechanisms/mod.ts";
import { compileLibrary } from "../../_support/c_assertions.ts";
import { compilerSkip } from "../../_support/c_compiler.ts";
import { abis, usedBlock } from "../../_support/native_block.ts";

/** A module's side of the memory this library writes, for a CK_ULONG and a packing that this machine does not have. */
const source = String.raw`
#include <stdint.h>
#include <string.h>
typedef struct { ULONG type; void *value; ULONG length; } ATTRIBUTE;
typedef struct { ULONG type; void *parameter; ULONG length; } MECHANISM;
typedef struct { uint8_t *iv; ULONG ivLen, ivBits; uint8_t *aad; ULONG aadLen, tagBits; } GCM;
typedef struct { ULONG type; void *value; ULONG length; } PRF_DATA;
typedef struct { ULONG prf, count; PRF_DATA *data; ULONG keyCount; void *keys; } KDF;
typedef struct { uint8_t littleEndian; ULONG width; } COUNTER;
typedef struct { uint8_t major, minor; } VERSION;
typedef struct {
  uint8_t label[32], manufacturer[32], model[16], serial[16];
  ULONG flags, maxSessions, sessions, maxRw, rw, maxPin, minPin, totalPublic, freePublic, totalPrivate, freePrivate;
  VERSION hardware, firmware;
  uint8_t utcTime[16];
} TOKEN_INFO;
typedef struct { VERSION version; void *functions[68]; } FUNCTION_LIST;

static uint8_t *emit(uint8_t *to, uint64_t number) { memcpy(to, &number, 8); return to + 8; }
static uint8_t *emitBytes(uint8_t *to, const void *bytes, ULONG length) {
  to = emit(to, length); memcpy(to, bytes, length); return to + length;
}

/* Every attribute as type, length, bytes; nested templates as their number and attributes. */
static uint8_t *emitTemplate(uint8_t *to, ATTRIBUTE *attributes, ULONG count) {
  for (ULONG i = 0; i < count; i++) {
    to = emit(to, attributes[i].type);
    if (attributes[i].type == 0x40000211)
      to = emitTemplate(emit(to, attributes[i].length / sizeof(ATTRIBUTE)), attributes[i].value,
                        attributes[i].length / sizeof(ATTRIBUTE));
    else to = emitBytes(to, attributes[i].value, attributes[i].length);
  }
  return to;
}
uint32_t echo_template(ATTRIBUTE *attributes, uint64_t count, uint8_t *to) {
  return emitTemplate(to, attributes, count) - to;
}

/* A GCM mechanism as its members; then makes an IV of its own, as some tokens do. */
uint32_t echo_gcm(MECHANISM *mechanism, uint8_t *to) {
  uint8_t *at = emit(emit(to, mechanism->type), mechanism->length == sizeof(GCM));
  GCM *gcm = mechanism->parameter;
  at = emitBytes(emitBytes(at, gcm->iv, gcm->ivLen), gcm->aad, gcm->aadLen);
  at = emit(emit(at, gcm->ivBits), gcm->tagBits);
  memset(gcm->iv, 0x77, gcm->ivLen);
  return at - to;
}

uint32_t echo_kdf(MECHANISM *mechanism, uint8_t *to) {
  KDF *kdf = mechanism->parameter;
  uint8_t *at = emit(emit(to, kdf->prf), kdf->count);
  COUNTER *counter = kdf->data[0].value;
  at = emit(emit(at, counter->littleEndian), counter->width);
  return emitBytes(at, kdf->data[1].value, kdf->data[1].length) - to;
}

uint32_t fill_token_info(TOKEN_INFO *info) {
  memset(info, ' ', sizeof *info);
  memcpy(info->label, "mock", 4);
  info->flags = 0x40d; info->maxSessions = (ULONG)-1; info->maxPin = 255; info->minPin = 4;
  info->firmware.major = 2; info->firmware.minor = 40;
  memcpy(info->utcTime, "2026112112000000", 16);
  return sizeof *info;
}

/* C_GetAttributeValue of an object with a class, a label and a secret value. */
uint32_t get_attributes(ATTRIBUTE *attributes, uint64_t count) {
  ULONG class = 4;
  uint32_t result = 0;
  for (uint64_t i = 0; i < count; i++) {
    ATTRIBUTE *a = &attributes[i];
    const void *value = a->type == 0 ? (void *)&class : "a label longer than what was guessed for it, by far and away";
    ULONG length = a->type == 0 ? sizeof class : 60;
    if (a->type == 0x11) { a->length = (ULONG)-1; result = 0x11; continue; }
    if (a->value && a->length < length) { a->length = (ULONG)-1; result = 0x150; continue; }
    if (a->value) memcpy(a->value, value, length);
    a->length = length;
  }
  return result;
}

uint32_t fill_function_list(FUNCTION_LIST *list) {
  list->version.major = 2; list->version.minor = 40;
  for (int i = 0; i < 68; i++) list->functions[i] = (void *)(uintptr_t)(1000 + i);
  return sizeof *list;
}
`;

/** Reads what the module has emitted. */
class Emitted {
  #at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  number(): number {
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.#at, 8);
    this.#at += 8;
    return Number(view.getBigUint64(0, true));
  }

  bytes(): Uint8Array {
    const length = this.number();
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }
}

/** The compiled module's functions, called with offsets of a block. */
class MockModule {
  readonly #call: (name: string, ...words: bigint[]) => number;
  readonly abi: Abi;

  constructor(abi: Abi) {
    this.abi = abi;
    const types = `${abi.packed ? "#pragma pack(1)\n" : ""}#define ULONG uint${abi.ulong * 8}_t\n`;
    // The headers come first: packing must not reach into them.
    const path = compileLibrary(
      `abi-${abi.ulong}-${abi.packed}`,
      `#include <stdint.h>\n#include <string.h>\n${types}${source}`,
    );
    const library = nativeRuntime().open(path);
    this.#call = (name, ...words) => {
      const fn = library.bind(name, words.length, "u32");
      assert(fn);
      return fn(...words) as number;
    };
  }

  call(name: string, block: Block, ...offsets: (number | bigint)[]): number {
    return this.#call(name, ...offsets.map((word) => typeof word === "bigint" ? word : block.address(word)));
  }

  emitted(name: string, block: Block, ...words: (number | bigint)[]): Emitted {
    const output = block.alloc(2048);
    return new Emitted(block.copyOut(output, this.call(name, block, ...words, output)));
  }
}

for (const [name, abi] of [["Windows", abis.windows], ["packed 8-byte", abis.packed64], ["LP64", abis.lp64]] as const) {
  describe(`a module compiled for the ${name} layout`, () => {
    let compiled: MockModule | undefined;
    const module = () => compiled ??= new MockModule(abi);
    const test = (title: string, fn: () => void) => it(title, { skip: compilerSkip }, fn);

    test("sees the template that was written, nested ones too", () => {
      const block = usedBlock(abi, 16384);
      const entries = compileTemplate({
        class: CKO.SECRET_KEY,
        token: true,
        label: "naïve",
        startDate: new Date("2026-11-21T12:00:00Z"),
        wrapTemplate: { extractable: false, valueLen: 32 },
        [CKA.VENDOR_DEFINED | 7]: Uint8Array.of(1, 2, 3),
      });
      const emitted = module().emitted("echo_template", block, writeTemplate(block, entries), BigInt(entries.length));
      const ulong = (value: number) => new Uint8Array(new BigUint64Array([BigInt(value)]).buffer, 0, abi.ulong);
      assertEquals([emitted.number(), emitted.bytes()], [CKA.CLASS, ulong(CKO.SECRET_KEY).slice()]);
      assertEquals([emitted.number(), emitted.bytes()], [CKA.TOKEN, Uint8Array.of(1)]);
      assertEquals([emitted.number(), emitted.bytes()], [CKA.LABEL, new TextEncoder().encode("naïve")]);
      assertEquals([emitted.number(), emitted.bytes()], [CKA.START_DATE, new TextEncoder().encode("20261121")]);
      assertEquals([emitted.number(), emitted.number()], [CKA.WRAP_TEMPLATE, 2]);
      assertEquals([emitted.number(), emitted.bytes()], [CKA.EXTRACTABLE, Uint8Array.of(0)]);
      assertEquals([emitted.number(), emitted.bytes()], [CKA.VALUE_LEN, ulong(32).slice()]);
      assertEquals([emitted.number(), emitted.bytes()], [0x80000007, Uint8Array.of(1, 2, 3)]);
    });

    test("sees a mechanism's parameter, and its IV comes back", () => {
      const block = usedBlock(abi, 16384);
      const iv = Uint8Array.from({ length: 12 }, (_, index) => index);
      const mechanism = aesGcm({ iv, additionalData: Uint8Array.of(9, 8), tagLength: 96 });
      const written = writeMechanism(block, prepareMechanism(mechanism));
      const emitted = module().emitted("echo_gcm", block, written.offset);
      assertEquals([emitted.number(), emitted.number()], [CKM.AES_GCM, 1]);
      assertEquals([emitted.bytes(), emitted.bytes()], [iv, Uint8Array.of(9, 8)]);
      assertEquals([emitted.number(), emitted.number()], [96, 96]);
      written.readBack();
      assertEquals(mechanism.parameter.iv, new Uint8Array(12).fill(0x77));
    });

    test("sees structures a parameter points to", () => {
      const block = usedBlock(abi, 16384);
      const parts = [{ counter: 24, littleEndian: true }, Uint8Array.of(5, 6, 7)] as const;
      const mechanism = kbkdf({ mode: "counter", prf: "SHA-256", parts });
      const { offset } = writeMechanism(block, prepareMechanism(mechanism));
      const emitted = module().emitted("echo_kdf", block, offset);
      assertEquals([emitted.number(), emitted.number()], [CKM.SHA256_HMAC, 2]);
      assertEquals([emitted.number(), emitted.number()], [1, 24]);
      assertEquals(emitted.bytes(), Uint8Array.of(5, 6, 7));
    });

    test("fills a structure that is read back", () => {
      const block = usedBlock(abi);
      const offset = writeStruct(block, CK_TOKEN_INFO, {});
      module().call("fill_token_info", block, offset);
      const info = readStruct(block, CK_TOKEN_INFO, offset);
      assertEquals(new TextDecoder().decode(info.label).trimEnd(), "mock");
      assertEquals([info.flags, info.ulMaxPinLen, info.ulMinPinLen], [0x40d, 255, 4]);
      const unlimited = block.getLength(offset + structLayout(CK_TOKEN_INFO, abi).offsets.ulMaxSessionCount);
      assertEquals(unlimited, undefined);
      assertEquals(info.firmwareVersion, { major: 2, minor: 40 });
      assertEquals(new TextDecoder().decode(info.utcTime), "2026112112000000");
    });

    test("answers a read of attributes, with lengths of its own width", () => {
      const block = usedBlock(abi, 16384);
      const short = { ...readRequest(CKA.LABEL), size: 8 };
      const plan = new ReadPlan([readRequest(CKA.CLASS), short, readRequest(CKA.VALUE)], readRequest);
      const offset = plan.prepare(block);
      let rv = module().call("get_attributes", block, offset, 3n);
      assert(rv === CKR.BUFFER_TOO_SMALL || rv === CKR.ATTRIBUTE_SENSITIVE);
      assertEquals(plan.collect(block, offset, rv), undefined);
      const completion = plan.complete(block, offset, rv);
      let step = completion.next(rv);
      while (!step.done) {
        rv = module().call("get_attributes", block, step.value.offset, BigInt(step.value.count));
        step = completion.next(rv);
      }
      const attributes = attributesOf(step.value);
      assertEquals(attributes.get("class"), CKO.SECRET_KEY);
      assertEquals(attributes.get("label"), "a label longer than what was guessed for it, by far and away");
      assertEquals(attributes.state("value"), "sensitive");
    });

    test("has its function pointers where they are looked for", () => {
      const block = usedBlock(abi);
      const list = block.alloc(1024);
      assertEquals(module().call("fill_function_list", block, list), functionListSize(68, abi));
      assertEquals([...block.copyOut(list, 2)], [2, 40]);
      for (const index of [0, 1, 67]) {
        assertEquals(block.getPointer(list + functionOffset(index, abi)), BigInt(1000 + index));
      }
    });
  });
}
