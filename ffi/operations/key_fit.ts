/** Mechanism parameters that depend on the key: the modulus is read for them before the operation begins. */
import { CKA } from "../constants/mod.ts";
import { CKR } from "../constants/ckr.ts";
import type { Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";
import type { WrittenMechanism } from "../memory/mechanisms.ts";
import { attributeLayout } from "../memory/templates.ts";
import type { KeyUse } from "./key_types.ts";

/** Enough for RSA with 16 384 bits. */
const MODULUS_ROOM = 2048 + 8;

/** Whether the mechanism's parameter depends on the key. */
export function wantsFit({ key, mechanism: { parameter } }: KeyUse): boolean {
  return key !== null && parameter !== null && !(parameter instanceof Uint8Array) && parameter.fitModulus !== undefined;
}

/**
 * Completes a written mechanism whose parameter depends on the key.
 *
 * @throws {TypeError} where the token does not tell the key's modulus
 */
export function* fitMechanism(frame: Frame, use: KeyUse, written: WrittenMechanism): Program<void> {
  if (!wantsFit(use)) return;
  const { block } = frame;
  const { size, offsets } = attributeLayout(block.abi);
  const template = block.alloc(size);
  const room = block.alloc(MODULUS_ROOM);
  block.setUlong(template + offsets.type, CKA.MODULUS);
  block.setPointer(template + offsets.pValue, block.address(room));
  block.setUlong(template + offsets.ulValueLen, MODULUS_ROOM);
  const fn = frame.fn(FN.C_GetAttributeValue);
  const rv = yield [{ fn, args: [use.session, use.key!, block.address(template), 1n] }];
  const length = rv === CKR.OK ? block.getLength(template + offsets.ulValueLen) ?? 0 : 0;
  if (length === 0 || length > MODULUS_ROOM) {
    throw new TypeError(
      'Cannot use saltLength "max" of RSA-PSS: the token does not tell the modulus of the key; give a number of bytes',
    );
  }
  const { parameter } = use.mechanism;
  if (parameter !== null && !(parameter instanceof Uint8Array)) {
    parameter.fitModulus?.(block, written.parameterOffset, block.bytesAt(room, length));
  }
}
