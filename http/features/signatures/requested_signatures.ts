/**
 * Signatures that peers ask for: the field Accept-Signature (RFC 9421 §5), and what servers have asked for, by their origins.
 *
 * @module
 */
import { isStructuredInnerList, parseStructuredDictionary } from "../../protocol/syntax.ts";
import { type Component, componentOf, MessageSignatureError, parseComponent, repeated } from "./components.ts";
import type { SignaturePlan } from "./sign_message.ts";

/** One signature that is asked for; its members are those of {@linkcode SignMessageOptions}. */
export interface RequestedSignature {
  /** What it is to be called. */
  readonly label: string;
  /** What it is to cover. */
  readonly components: readonly string[];
  /** The key it is to be made with; null for any. */
  readonly keyId: string | null;
  /** The algorithm it is to be made with, by its HTTP name; null for the key's. */
  readonly algorithm: string | null;
  /** The nonce it is to have. */
  readonly nonce: string | undefined;
  /** The application it is to be for. */
  readonly tag: string | undefined;
  /** Whether it is to say when it expires. */
  readonly wantsExpiry: boolean;
}

/** Signatures of one field that are looked at. */
const MOST_REQUESTED = 8;

/**
 * Reads the signatures that are asked for. Those that cannot be understood are left out; a field that does not parse asks for
 * none.
 *
 * @example A server answers what its client asks for
 * ```ts
 * import { parseAcceptSignature, type Signer, signMessage } from "@gp11/gp11/http";
 *
 * async function sign(signer: Signer, request: Request, response: Response): Promise<void> {
 *   for (const wanted of parseAcceptSignature(request.headers.get("accept-signature") ?? "")) {
 *     const { label, components, nonce, tag } = wanted;
 *     const fields = await signMessage(response, { signer, request, label, components, nonce, tag });
 *     response.headers.append("Signature-Input", fields.signatureInput);
 *     response.headers.append("Signature", fields.signature);
 *   }
 * }
 * ```
 */
export function parseAcceptSignature(field: string): RequestedSignature[] {
  const requested: RequestedSignature[] = [];
  for (const [label, member] of parseStructuredDictionary(field) ?? []) {
    if (!isStructuredInnerList(member) || requested.length === MOST_REQUESTED) continue;
    const [items, parameters] = member;
    const components = understood(items);
    if (components === null) continue;
    const text = (name: string): string | undefined => {
      const value = parameters.get(name);
      return typeof value === "string" ? value : undefined;
    };
    requested.push({
      label,
      components: components.map(({ identifier }) => identifier),
      keyId: text("keyid") ?? null,
      algorithm: text("alg") ?? null,
      nonce: text("nonce"),
      tag: text("tag"),
      wantsExpiry: parameters.get("expires") === true,
    });
  }
  return requested;
}

function understood(items: Parameters<typeof componentOf>[0][]): readonly Component[] | null {
  try {
    const components = items.map(componentOf);
    return repeated(components) === undefined ? components : null;
  } catch (error) {
    if (error instanceof MessageSignatureError) return null;
    throw error;
  }
}

/** A signature that is asked for. */
interface RequestedPlan extends SignaturePlan {
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
