/**
 * NTLM over HTTP (MS-NTHT).
 *
 * @module
 */
import { builtin } from "../../../../internal/builtin_modules.ts";
import { channelBinding, channelBindingHash } from "../channel_binding.ts";
import { ConnectionScheme, type Handshake } from "../connection_scheme.ts";
import { ntlmAuthenticate, ntlmNegotiate, parseNtlmChallenge, toFileTime } from "./ntlm_messages.ts";

/**
 * NTLMv2 (MS-NLMP, MS-NTHT). User names are "user", "DOMAIN\\user" or "user@domain". It authenticates connections, so a
 * request begins with three rounds on a new connection and needs none on a used one. Off unless `useNtlm` is set or the
 * class is added with `session.addFeatureByType`.
 *
 * @example Allow NTLM
 * ```ts
 * import { AuthManager, AuthNtlm, HttpSession } from "@gp11/gp11/http";
 * import { assert } from "@std/assert";
 *
 * const session = new HttpSession({ useNtlm: true });
 * assert(session.getFeature(AuthManager)!.hasFeature(AuthNtlm));
 * await session.close();
 * ```
 */
export class AuthNtlm extends ConnectionScheme {
  /** "NTLM". */
  static override readonly schemeName: string = "NTLM";
  /** Above Basic, below Digest. */
  static override readonly strength: number = 3;

  /** NEGOTIATE_MESSAGE. */
  protected override firstToken(_handshake: Handshake): Uint8Array {
    return ntlmNegotiate();
  }

  /** AUTHENTICATE_MESSAGE. */
  protected override answer({ connection }: Handshake, message: Uint8Array): Uint8Array | null {
    const { credentials } = this;
    const challenge = parseNtlmChallenge(message);
    if (challenge === null || credentials?.kind !== "password") return null;
    const binding = channelBinding(connection);
    return ntlmAuthenticate(challenge, {
      user: credentials.user,
      password: credentials.password,
      clientChallenge: new Uint8Array(builtin.crypto.randomBytes(8)),
      timestamp: toFileTime(Date.now()),
      channelBinding: binding === null ? null : channelBindingHash(binding),
    });
  }
}
