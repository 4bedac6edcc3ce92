/**
 * Whom a connection is authenticated as.
 *
 * @module
 */
import type { Authorization, AuthScheme } from "./scheme.ts";
import type { Challenger } from "./auth_progress.ts";

/** The identity of credentials that have not been let through yet: no answer was ever given to it. */
export const unprovenIdentity = "?";

const nameless = new WeakMap<AuthScheme, { generation: number; name: string }>();

/** Scheme and user; a token tells no user, so that it is known by a name of its own. */
export function identityName(auth: AuthScheme): string {
  if (auth.user !== null) return `${auth.scheme} ${auth.user}`;
  let known = nameless.get(auth);
  if (known?.generation !== auth.generation) {
    nameless.set(auth, known = { generation: auth.generation, name: `${auth.scheme} ${crypto.randomUUID()}` });
  }
  return known.name;
}

/**
 * Notes on the connection whom its peer is about to take us for. What is written is enough: nobody knows what a peer
 * makes of it, whatever it answers.
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
