/**
 * What servers have asked for with Accept-Signature, by their origins.
 *
 * @module
 */
import { parseAcceptSignature } from "./accept_signature.ts";
import { parseComponent } from "./components.ts";
import type { SignaturePlan } from "./sign_message.ts";

/** A signature that is asked for. */
export interface RequestedPlan extends SignaturePlan {
  /** Whether it is to say when it expires. */
  readonly wantsExpiry: boolean;
}

/** Origins whose requested signatures are remembered. */
const MOST_ORIGINS = 100;

const nothing: readonly RequestedPlan[] = [];

/** The signatures that servers have requested and that one key can make. */
export class RequestedSignatures {
  readonly #origins = new Map<string, readonly RequestedPlan[]>();

  /**
   * Takes a field; what needs another key or algorithm is left out.
   *
   * @returns Whether anything can be met.
   */
  remember(origin: string, field: string, keyId: string, algorithm: string): boolean {
    const plans = parseAcceptSignature(field)
      .filter((wanted) => (wanted.keyId ?? keyId) === keyId && (wanted.algorithm ?? algorithm) === algorithm)
      .map(({ algorithm, components, label, nonce, tag, wantsExpiry }): RequestedPlan => ({
        label,
        components: components.map(parseComponent),
        parameters: { alg: algorithm ?? undefined, nonce, tag },
        wantsExpiry,
      }));
    this.#origins.delete(origin);
    if (plans.length === 0) return false;
    this.#origins.set(origin, plans);
    for (const oldest of this.#origins.keys()) if (this.#origins.size > MOST_ORIGINS) this.#origins.delete(oldest);
    return true;
  }

  /** What the origin of a URI wants. */
  of(uri: URL): readonly RequestedPlan[] {
    return this.#origins.size === 0 ? nothing : this.#origins.get(uri.origin) ?? nothing;
  }

  /** What the origin of a URI wants of one message: a nonce is for this one alone. */
  take(uri: URL): readonly RequestedPlan[] {
    const plans = this.of(uri);
    if (plans === nothing) return nothing;
    if (plans.some(({ parameters }) => parameters.nonce !== undefined)) {
      this.#origins.set(
        uri.origin,
        plans.map((plan) => ({ ...plan, parameters: { ...plan.parameters, nonce: undefined } })),
      );
    }
    return plans;
  }
}
