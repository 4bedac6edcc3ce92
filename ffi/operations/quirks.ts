/** Habits of single modules that an operation must know of. */
import { CKM, CKR } from "../constants/mod.ts";
import type { Cryptoki } from "../tables/cryptoki.ts";
import type { Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";
import { decodeText } from "../attributes/attribute_states.ts";
import { getByte, structLayout, type Version } from "../memory/structs.ts";
import { CK_INFO } from "../memory/structs_infos.ts";

/** Who made a module, and what it calls itself. */
interface Maker {
  readonly manufacturer: string;
  readonly description: string;
  readonly version: Version;
}

const makers = new WeakMap<Cryptoki, Maker>();

/** What p11-kit's proxy calls itself. It does not say whose objects it shows. */
const PROXY = "PKCS#11 Kit Proxy Module";

/** Who made the module, asked once; `null` where it does not say. */
function* makerOf(frame: Frame): Program<Maker | null> {
  const known = makers.get(frame.table);
  if (known) return known;
  const { block } = frame;
  const { size, offsets } = structLayout(CK_INFO, block.abi);
  const info = block.alloc(size);
  const rv = yield [{ fn: frame.fn(FN.C_GetInfo), args: [block.address(info)] }];
  if (rv !== CKR.OK) return null;
  const maker = {
    manufacturer: decodeText(block, info + offsets.manufacturerID, 32),
    description: decodeText(block, info + offsets.libraryDescription, 32),
    version: {
      major: getByte(block, info + offsets.libraryVersion),
      minor: getByte(block, info + offsets.libraryVersion + 1),
    },
  };
  makers.set(frame.table, maker);
  return maker;
}

/**
 * Whether C_GetAttributeValue may write a value into a buffer that is too small for it: NSS softokn does for session
 * objects, however short the length it was given, and so does what may have softokn behind it.
 */
export function* overflowsBuffers(frame: Frame): Program<boolean> {
  const maker = yield* makerOf(frame);
  return maker !== null && (maker.manufacturer.startsWith("Mozilla") || maker.description.startsWith(PROXY));
}

/**
 * Modules whose process ends where a key of another type is used with a mechanism of public keys, and the first version
 * that does not: SoftHSM 2.6.1 takes whatever it finds for the key of the mechanism. Version 2.7 checks it.
 */
const DIE_OF_KEY_TYPES: readonly { readonly maker: string; readonly before: Version }[] = [
  { maker: "SoftHSM", before: { major: 2, minor: 7 } },
];

/** Whether keys must be checked for this module, as far as it is known; `true` as long as nobody has asked. */
export function mayDieOfKeyTypes(table: Cryptoki): boolean {
  const maker = makers.get(table);
  return maker === undefined || isDyingOfKeyTypes(maker);
}

/** Whether the module, or one that it may stand for, ends the process where a key does not fit the mechanism. */
export function* diesOfKeyTypes(frame: Frame): Program<boolean> {
  const maker = yield* makerOf(frame);
  return maker !== null && isDyingOfKeyTypes(maker);
}

function isDyingOfKeyTypes({ manufacturer, description, version }: Maker): boolean {
  if (description.startsWith(PROXY)) return true;
  return DIE_OF_KEY_TYPES.some(({ maker, before }) =>
    manufacturer.startsWith(maker) &&
    (version.major < before.major || version.major === before.major && version.minor < before.minor)
  );
}

/**
 * Makers whose modules keep half of an object that they refuse to create: what it has by default, of an object of the
 * session also what stands in the template before what was refused.
 */
const KEEP_HALVES: readonly string[] = ["SoftHSM"];

/** {@linkcode keepsHalves} as far as it is known; `null` as long as nobody has asked. */
export function isKnownToKeepHalves(table: Cryptoki): boolean | null {
  const maker = makers.get(table);
  return maker === undefined ? null : isKeepingHalves(maker);
}

/** Whether the module keeps half of an object that it refuses to create. */
export function* keepsHalves(frame: Frame): Program<boolean> {
  const maker = yield* makerOf(frame);
  return maker !== null && isKeepingHalves(maker);
}

function isKeepingHalves({ manufacturer }: Maker): boolean {
  return KEEP_HALVES.some((maker) => manufacturer.startsWith(maker));
}

/** What modules answer to a wrong signature otherwise than the standard has it. */
interface VerifyHabit {
  readonly maker: string;
  /** The mechanisms; all of them where none are named. */
  readonly mechanisms?: readonly number[];
  readonly answers: readonly number[];
}

const VERIFY_HABITS: readonly VerifyHabit[] = [
  {
    // Signatures of a wrong length have the answers of wrong data; the answer to a wrong MAC is what an earlier failure of
    // the thread has left.
    maker: "Mozilla",
    answers: [
      CKR.DEVICE_ERROR,
      CKR.GENERAL_ERROR,
      CKR.FUNCTION_FAILED,
      CKR.ARGUMENTS_BAD,
      CKR.DATA_LEN_RANGE,
      CKR.KEY_SIZE_RANGE,
      CKR.MECHANISM_INVALID,
      CKR.BUFFER_TOO_SMALL,
    ],
  },
  // What OpenSSL cannot unpad is a general error.
  { maker: "OpenSC", mechanisms: [CKM.RSA_PKCS, CKM.RSA_X_509], answers: [CKR.GENERAL_ERROR] },
];

/** Whether an answer to C_Verify or C_VerifyFinal, which were begun with success, is this module's word for a wrong signature. */
export function* meansWrongSignature(frame: Frame, rv: number, mechanism: number): Program<boolean> {
  const possible = VERIFY_HABITS.filter(({ mechanisms, answers }) =>
    answers.includes(rv) && (!mechanisms || mechanisms.includes(mechanism))
  );
  if (possible.length === 0) return false;
  const maker = yield* makerOf(frame);
  return maker !== null && possible.some((habit) => maker.manufacturer.startsWith(habit.maker));
}
