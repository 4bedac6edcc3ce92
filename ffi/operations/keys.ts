/** Operations that make keys: generate, wrap, unwrap, derive, and the key encapsulation of PKCS#11 3.2. */
import { mayWait, type Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";
import { type PreparedMechanism, writeMechanism } from "../memory/mechanisms.ts";
import type { TemplateEntry } from "../memory/templates.ts";
import { expectOk, handleOf, makeObject, template } from "./objects.ts";
import { outputOf } from "./output.ts";

/** A mechanism used in a session. */
export interface MechanismArgs {
  /** The session. */
  readonly session: bigint;
  /** The mechanism. */
  readonly mechanism: PreparedMechanism;
}

const WRAPPED_ROOM = 4096;

/** C_GenerateKey. */
export function* generateKey(
  frame: Frame,
  { session, mechanism, attributes }: MechanismArgs & { readonly attributes: readonly TemplateEntry[] },
): Program<bigint> {
  const written = writeMechanism(frame.block, mechanism);
  const at = frame.block.address(written.offset);
  const words = (entries: readonly bigint[], handle: bigint) => [session, at, ...entries, handle];
  const key = yield* makeObject(frame, "C_GenerateKey", session, attributes, words);
  written.readBack();
  return key;
}

/** The handles C_GenerateKeyPair gives. */
export interface KeyPairHandles {
  /** The public key. */
  readonly publicKey: bigint;
  /** The private key. */
  readonly privateKey: bigint;
}

/** C_GenerateKeyPair. */
export function* generateKeyPair(
  frame: Frame,
  { session, mechanism, publicAttributes, privateAttributes }: MechanismArgs & {
    readonly publicAttributes: readonly TemplateEntry[];
    readonly privateAttributes: readonly TemplateEntry[];
  },
): Program<KeyPairHandles> {
  const { block } = frame;
  const written = writeMechanism(block, mechanism);
  const [publicAddress, publicCount] = template(frame, publicAttributes);
  const [privateAddress, privateCount] = template(frame, privateAttributes);
  const publicKey = frame.ulong();
  const privateKey = frame.ulong();
  const args = [
    session,
    block.address(written.offset),
    publicAddress,
    publicCount,
    privateAddress,
    privateCount,
    block.address(publicKey),
    block.address(privateKey),
  ];
  const rv = yield [{ fn: frame.fn(FN.C_GenerateKeyPair), args }];
  expectOk(frame, rv, "C_GenerateKeyPair");
  written.readBack();
  return { publicKey: block.getHandle(publicKey), privateKey: block.getHandle(privateKey) };
}

/** C_WrapKey, or C_WrapKeyAuthenticated when there is associated data. */
export function* wrapKey(
  frame: Frame,
  { session, mechanism, wrappingKey, key, associatedData }: MechanismArgs & {
    readonly wrappingKey: bigint;
    readonly key: bigint;
    readonly associatedData: Uint8Array | null;
  },
): Program<Uint8Array<ArrayBuffer>> {
  const { block } = frame;
  const name = associatedData ? "C_WrapKeyAuthenticated" : "C_WrapKey";
  const written = writeMechanism(block, mechanism);
  const head = [session, block.address(written.offset), wrappingKey, key];
  if (associatedData) head.push(...frame.optionalInput(associatedData));
  const wrapped = yield* outputOf(frame, name, WRAPPED_ROOM, (address, length) => [...head, address, length], {
    repeats: true,
  });
  written.readBack();
  return wrapped;
}

/** C_UnwrapKey, or C_UnwrapKeyAuthenticated when there is associated data. */
export function unwrapKey(
  frame: Frame,
  { session, mechanism, unwrappingKey, wrapped, attributes, associatedData }: MechanismArgs & {
    readonly unwrappingKey: bigint;
    readonly wrapped: Uint8Array;
    readonly attributes: readonly TemplateEntry[];
    readonly associatedData: Uint8Array | null;
  },
): Program<bigint> {
  const { block } = frame;
  const name = associatedData ? "C_UnwrapKeyAuthenticated" : "C_UnwrapKey";
  const at = block.address(writeMechanism(block, mechanism).offset);
  const input = frame.input(wrapped);
  const extra = associatedData ? frame.optionalInput(associatedData) : [];
  const head = [session, at, unwrappingKey, input, BigInt(wrapped.length)];
  return makeObject(
    frame,
    name,
    session,
    attributes,
    (entries, handle) => [...head, ...entries, ...extra, handle],
  );
}

/** C_DeriveKey. */
export function* deriveKey(
  frame: Frame,
  { session, mechanism, key, attributes }: MechanismArgs & {
    readonly key: bigint;
    readonly attributes: readonly TemplateEntry[];
  },
): Program<bigint> {
  const written = writeMechanism(frame.block, mechanism);
  const at = frame.block.address(written.offset);
  const words = (entries: readonly bigint[], handle: bigint) => [session, at, key, ...entries, handle];
  const derived = yield* makeObject(frame, "C_DeriveKey", session, attributes, words);
  written.readBack();
  return derived;
}

/** What C_EncapsulateKey gives. */
export interface Encapsulated {
  /** The shared secret, as a key of the token. */
  readonly key: bigint;
  /** What the owner of the private key needs to get the same. */
  readonly ciphertext: Uint8Array<ArrayBuffer>;
}

/** C_EncapsulateKey. */
export function* encapsulateKey(
  frame: Frame,
  { session, mechanism, key, attributes }: MechanismArgs & {
    readonly key: bigint;
    readonly attributes: readonly TemplateEntry[];
  },
): Program<Encapsulated> {
  const { block } = frame;
  const at = block.address(writeMechanism(block, mechanism).offset);
  const [address, count] = template(frame, attributes);
  const handle = frame.ulong();
  const head = [session, at, key, address, count];
  const words = (output: bigint, length: bigint) => [...head, output, length, block.address(handle)];
  const ciphertext = yield* outputOf(frame, "C_EncapsulateKey", WRAPPED_ROOM, words);
  return { key: block.getHandle(handle), ciphertext };
}

/** C_DecapsulateKey. */
export function decapsulateKey(
  frame: Frame,
  { session, mechanism, key, ciphertext, attributes }: MechanismArgs & {
    readonly key: bigint;
    readonly ciphertext: Uint8Array;
    readonly attributes: readonly TemplateEntry[];
  },
): Program<bigint> {
  const { block } = frame;
  const at = block.address(writeMechanism(block, mechanism).offset);
  const [address, count] = template(frame, attributes);
  const input = frame.input(ciphertext);
  return handleOf(
    frame,
    "C_DecapsulateKey",
    (handle) => [session, at, key, address, count, input, BigInt(ciphertext.length), handle],
  );
}

mayWait(generateKey);
mayWait(generateKeyPair);
mayWait(deriveKey);
mayWait(encapsulateKey);
mayWait(wrapKey, (args, copy) => ({ ...args, associatedData: args.associatedData && copy(args.associatedData) }));
mayWait(unwrapKey, (args, copy) => ({
  ...args,
  wrapped: copy(args.wrapped),
  associatedData: args.associatedData && copy(args.associatedData),
}));
mayWait(decapsulateKey, (args, copy) => ({ ...args, ciphertext: copy(args.ciphertext) }));
