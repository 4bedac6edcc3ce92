/**
 * What a signer is told of its key, and its key told from others.
 *
 * @module
 */
import { CKO } from "../../ffi/constants/mod.ts";
import type { AsymmetricMaterial } from "../keys/forms/key_material.ts";
import { type Holder, holderOf, unambiguousPublicKey } from "../keys/find_public.ts";
import { identify, type KeyIdentity } from "../keys/read_public.ts";
import type { CallOptions } from "../core/call_options.ts";
import type { Pkcs11Object } from "../tokens/object.ts";
import type { Session } from "../tokens/session.ts";
import { coreOf } from "../tokens/session_contexts.ts";

/** Which of the keys that were found has a public half; of a secret key nothing can tell. */
export async function holderAmong(
  session: Session,
  found: readonly Pkcs11Object[],
  material: AsymmetricMaterial | null,
  options: CallOptions,
): Promise<Holder> {
  const objects = found.map(({ handle }) => handle);
  if (material === null) return { object: null, untold: objects };
  const core = coreOf(session);
  const args = { session: core.handle, objects, material };
  return await core.run(
    function* (frame, { material, objects, session }: typeof args) {
      const keys: KeyIdentity[] = [];
      for (const object of objects) keys.push(yield* identify(frame, { session, object }));
      return yield* holderOf(frame, session, keys, material);
    },
    args,
    options,
  );
}

/** Classes of objects that tell a public key. */
const WITH_PUBLIC_HALF: ReadonlySet<unknown> = new Set([CKO.PRIVATE_KEY, CKO.PUBLIC_KEY, CKO.CERTIFICATE]);

/** Reads what a key is and its public half, in one call; no half where several may be it. */
export async function aboutKey(
  key: Pkcs11Object,
  options: CallOptions,
): Promise<{ identity: KeyIdentity; half: AsymmetricMaterial | null }> {
  const core = coreOf(key.session);
  core.assertFree("read the public key");
  const args = { session: core.handle, object: key.handle };
  return await core.run(
    function* (frame, { object, session }: typeof args) {
      const identity = yield* identify(frame, { session, object });
      const hasHalf = WITH_PUBLIC_HALF.has(identity.class);
      return { identity, half: hasHalf ? yield* unambiguousPublicKey(frame, session, identity) : null };
    },
    args,
    options,
  );
}
