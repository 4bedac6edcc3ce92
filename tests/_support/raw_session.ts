// One session of a module, driven in place through the raw table: for tests of what is written for C, below the objects.
import { ReadPlan } from "../../ffi/attributes/read_plan.ts";
import { isReadOutcome, type ReadAttribute } from "../../ffi/attributes/attribute.ts";
import { CKF } from "../../ffi/constants/ckf.ts";
import { CKR } from "../../ffi/constants/ckr.ts";
import { ckrName } from "../../ffi/constants/names.ts";
import { CKU } from "../../ffi/constants/objects.ts";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import type { FunctionName } from "../../ffi/tables/functions.ts";
import { type Mechanism, type MechanismUse, prepareMechanism, writeMechanism } from "../../ffi/memory/mechanisms.ts";
import { Block } from "../../ffi/memory/block.ts";
import { writeStruct } from "../../ffi/memory/structs.ts";
import { CK_C_INITIALIZE_ARGS_NSS } from "../../ffi/memory/structs_infos.ts";
import { writeTemplate } from "../../ffi/memory/templates.ts";
import { readRequest } from "../../session/attributes/attribute_table.ts";
import { type Attributes, attributesOf } from "../../session/attributes/attributes.ts";
import { type AttributesInit, compileTemplate } from "../../session/attributes/attributes_init.ts";

/** How to open a {@linkcode RawSession}. */
export interface RawSessionOptions {
  /** NSS's parameter string for C_Initialize. */
  readonly reserved?: string;
  /** The token's label; the first slot with a token when it is left out. */
  readonly label?: string;
  /** The user's PIN. */
  readonly pin?: string;
}

/** A read-write session; close() closes it, and ends the module if this session started it. */
export class RawSession {
  /** The module's table. */
  readonly table: Cryptoki;
  /** The session's handle. */
  readonly handle: bigint;
  readonly #started: boolean;
  readonly #overflowsBuffers: boolean;

  private constructor(table: Cryptoki, handle: bigint, started: boolean) {
    this.table = table;
    this.handle = handle;
    this.#started = started;
    // NSS softokn writes values of session objects past the end of a buffer that is too small.
    this.#overflowsBuffers = /softokn/.test(table.path ?? "");
  }

  /** Initialises the module unless somebody has, and opens the session. */
  static open(path: string, { reserved, label, pin }: RawSessionOptions = {}): RawSession {
    const table = Cryptoki.open(path);
    const block = newBlock(table);
    const args = writeStruct(block, CK_C_INITIALIZE_ARGS_NSS, {
      flags: CKF.OS_LOCKING_OK,
      LibraryParameters: reserved === undefined ? null : new TextEncoder().encode(`${reserved}\0`),
    });
    const rv = table.call("C_Initialize", block.address(args));
    if (rv !== CKR.OK && rv !== CKR.CRYPTOKI_ALREADY_INITIALIZED) throw new Error(`C_Initialize: ${ckrName(rv)}`);
    const session = block.alloc(8);
    const flags = BigInt(CKF.SERIAL_SESSION | CKF.RW_SESSION);
    const slot = findSlot(table, block, label);
    expectOk(table.call("C_OpenSession", slot, flags, 0n, 0n, block.address(session)), "C_OpenSession");
    const opened = new RawSession(table, block.getHandle(session), rv === CKR.OK);
    if (pin !== undefined) opened.#login(pin);
    return opened;
  }

  #login(pin: string): void {
    const block = this.block();
    const at = block.putBytes(new TextEncoder().encode(pin));
    const rv = this.table.call("C_Login", this.handle, BigInt(CKU.USER), block.address(at), BigInt(pin.length));
    if (rv !== CKR.USER_ALREADY_LOGGED_IN) expectOk(rv, "C_Login");
  }

  /** Fresh native memory. */
  block(): Block {
    return newBlock(this.table);
  }

  /** Makes one call and returns the handle it gives. */
  #handleFrom(name: FunctionName, block: Block, ...words: bigint[]): bigint {
    const handle = block.alloc(8);
    expectOk(this.table.call(name, this.handle, ...words, block.address(handle)), name);
    return block.getHandle(handle);
  }

  /** Writes a template: its address and count. */
  #template(block: Block, init: AttributesInit): [bigint, bigint] {
    const entries = compileTemplate(init);
    return [block.address(writeTemplate(block, entries)), BigInt(entries.length)];
  }

  /** C_CreateObject. */
  create(attributes: AttributesInit): bigint {
    const block = this.block();
    return this.#handleFrom("C_CreateObject", block, ...this.#template(block, attributes));
  }

  /** C_GenerateKey. */
  generateKey(mechanism: Mechanism, attributes: AttributesInit): bigint {
    const block = this.block();
    const written = writeMechanism(block, prepareMechanism(mechanism));
    const words = this.#template(block, attributes);
    return this.#handleFrom("C_GenerateKey", block, block.address(written.offset), ...words);
  }

  /** C_GenerateKeyPair: the public key's handle, then the private key's. */
  generateKeyPair(
    mechanism: Mechanism,
    publicAttributes: AttributesInit,
    privateAttributes: AttributesInit,
  ): [bigint, bigint] {
    const block = this.block();
    const written = writeMechanism(block, prepareMechanism(mechanism));
    const templates = [...this.#template(block, publicAttributes), ...this.#template(block, privateAttributes)];
    const handles = block.alloc(16);
    const outputs = [block.address(handles), block.address(handles + 8)];
    const rv = this.table.call(
      "C_GenerateKeyPair",
      this.handle,
      block.address(written.offset),
      ...templates,
      ...outputs,
    );
    expectOk(rv, "C_GenerateKeyPair");
    return [block.getHandle(handles), block.getHandle(handles + 8)];
  }

  /** C_DeriveKey. */
  derive(key: bigint, mechanism: Mechanism, attributes: AttributesInit): bigint {
    const block = this.block();
    const written = writeMechanism(block, prepareMechanism(mechanism));
    const words = this.#template(block, attributes);
    const handle = this.#handleFrom("C_DeriveKey", block, block.address(written.offset), key, ...words);
    written.readBack();
    return handle;
  }

  /** C_WrapKey. */
  wrap(mechanism: Mechanism, wrappingKey: bigint, key: bigint): Uint8Array {
    const block = this.block();
    const written = writeMechanism(block, prepareMechanism(mechanism));
    return this.#output("C_WrapKey", block, block.address(written.offset), wrappingKey, key);
  }

  /** An operation's Init and its one part: "Encrypt", "Decrypt", "Sign". */
  crypt(verb: "Encrypt" | "Decrypt" | "Sign", key: bigint, mechanism: Mechanism, data: Uint8Array): Uint8Array {
    const block = this.block();
    const operation = verb === "Sign" ? undefined : verb === "Encrypt" ? "encrypt" : "decrypt";
    const use: MechanismUse = { operation, dataLength: data.length };
    const written = writeMechanism(block, prepareMechanism(mechanism), use);
    const init = `C_${verb}Init` as const;
    expectOk(this.table.call(init, this.handle, block.address(written.offset), key), init);
    const input = block.putBytes(data);
    const output = this.#output(`C_${verb}`, block, block.address(input), BigInt(data.length));
    written.readBack();
    return output;
  }

  /** Whether C_Verify accepts a signature. */
  verify(key: bigint, mechanism: Mechanism, data: Uint8Array, signature: Uint8Array): boolean {
    const block = this.block();
    const written = writeMechanism(block, prepareMechanism(mechanism));
    expectOk(this.table.call("C_VerifyInit", this.handle, block.address(written.offset), key), "C_VerifyInit");
    const words = [data, signature].flatMap((bytes) => [block.address(block.putBytes(bytes)), BigInt(bytes.length)]);
    return this.table.call("C_Verify", this.handle, ...words) === CKR.OK;
  }

  /** Reads attributes of an object, the number of calls it took beside them. */
  read(object: bigint, types: readonly number[]): { attributes: Attributes; calls: number } {
    const block = this.block();
    const guessing = new ReadPlan(types.map(readRequest), readRequest);
    const plan = this.#overflowsBuffers ? guessing.cautious : guessing;
    const offset = plan.prepare(block);
    let calls = 0;
    const call = (at: number, count: number): number => {
      calls++;
      const rv = this.table.call("C_GetAttributeValue", this.handle, object, block.address(at), BigInt(count));
      if (!isReadOutcome(rv)) expectOk(rv, "C_GetAttributeValue");
      return rv;
    };
    const rv = call(offset, types.length);
    let read: ReadAttribute[] | undefined = plan.collect(block, offset, rv);
    if (!read) {
      const completion = plan.complete(block, offset, rv);
      let step = completion.next(rv);
      while (!step.done) step = completion.next(call(step.value.offset, step.value.count));
      read = step.value;
    }
    return { attributes: attributesOf(read), calls };
  }

  #output(name: FunctionName, block: Block, ...words: bigint[]): Uint8Array {
    const room = 8192;
    const output = block.alloc(room);
    const length = block.alloc(8);
    block.setUlong(length, room);
    expectOk(this.table.call(name, this.handle, ...words, block.address(output), block.address(length)), name);
    return block.copyOut(output, block.getLength(length)!);
  }

  /** Closes the session; idempotent modules need no more. */
  close(): void {
    this.table.call("C_CloseSession", this.handle);
    if (this.#started) this.table.call("C_Finalize", 0n);
  }
}

function newBlock(table: Cryptoki): Block {
  return new Block(nativeRuntime(), table.abi, 65536);
}

function findSlot(table: Cryptoki, block: Block, label: string | undefined): bigint {
  const count = block.alloc(8);
  const ids = block.alloc(8 * 64);
  block.setUlong(count, 64);
  expectOk(table.call("C_GetSlotList", 1n, block.address(ids), block.address(count)), "C_GetSlotList");
  const info = block.alloc(256);
  for (let index = 0; index < block.getLength(count)!; index++) {
    const id = block.getHandle(ids + index * 8);
    expectOk(table.call("C_GetTokenInfo", id, block.address(info)), "C_GetTokenInfo");
    const found = new TextDecoder().decode(block.copyOut(info, 32)).trimEnd();
    if (label === undefined || found === label) return id;
  }
  throw new Error(`Cannot find the token ${label}`);
}

function expectOk(rv: number, name: string): void {
  if (rv !== CKR.OK) throw new Error(`${name}: ${ckrName(rv)}`);
}
