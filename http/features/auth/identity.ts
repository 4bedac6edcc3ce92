/**
 * Whom a connection is authenticated as.
 *
 * @module
 */
import { runtimeCrypto } from "../../../internal/runtime.ts";
import type { Authorization, AuthScheme } from "./scheme.ts";
import type { Challenger } from "./auth_progress.ts";

/** The identity of credentials that no server has accepted yet: no response was ever given to it. */
export const unverifiedIdentity = "?";

const nameless = new WeakMap<AuthScheme, { generation: number; name: string }>();

/** Scheme and user; a token names no user, so that it gets a name of its own. */
export function identityName(auth: AuthScheme): string {
  if (auth.user !== null) return `${auth.scheme} ${auth.user}`;
  let known = nameless.get(auth);
  if (known?.generation !== auth.generation) {
    nameless.set(auth, known = { generation: auth.generation, name: `${auth.scheme} ${runtimeCrypto().randomUUID()}` });
  }
  return known.name;
}

/**
 * Notes on the connection which identity it is about to be authenticated as. That counts from the moment the
 * credentials are written: whatever the peer answers, it may have accepted them.
 */
export function identify(
  challenger: Challenger,
  auth: AuthScheme,
  authorization: Authorization,
  authOf: (msg: Challenger["request"]["msg"]) => AuthScheme | null,
): void {
  const { connection } = challenger.request;
  if (!auth.isConnectionBound || authorization.value === null || connection === null) return;
  const { generation } = authorization;
  connection.identify({
    name: identityName(auth),
    isForProxy: challenger.isForProxy,
    isOf(msg: Challenger["request"]["msg"]) {
      return auth.generation === generation && auth.isAuthenticated && authOf(msg) === auth;
    },
  });
}
