/**
 * What NTLM and Negotiate have in common: they authenticate a connection in several rounds (RFC 4559 §4).
 *
 * @module
 */
import type { Connection } from "../../transports/connection.ts";
import type { Challenge } from "../../protocol/challenges.ts";
import { type Authorization, type AuthRequest, AuthScheme, type AuthStep, type BodyCheck } from "./scheme.ts";
import { fromBase64, toBase64 } from "./text.ts";

/** What is kept from one round to the next on one connection. */
export interface Dance {
  /** The connection all rounds go over. */
  readonly connection: Connection;
  /** Host that asks. */
  readonly host: string;
  /** {@linkcode AuthScheme.generation} the dance was begun with. */
  readonly generation: number;
  /** Free for the scheme: lives as long as the dance. */
  readonly context: Map<string, unknown>;
}

interface DanceStep extends AuthStep {
  readonly dance: Dance;
  readonly challenge: Uint8Array;
}

interface DanceAuthorization extends Authorization {
  readonly dance: Dance;
  /** 0 when nothing was sent, 1 for the first token, 2 for an answer to a challenge. */
  readonly round: 0 | 1 | 2;
}

/**
 * A scheme that authenticates connections. Each connection does a dance of its own; a request on an authenticated one
 * needs no field. When the connection is not the one the challenge came over, the dance begins anew.
 */
export abstract class ConnectionScheme extends AuthScheme {
  /** Always true. */
  override readonly isConnectionBound: boolean = true;

  /** Connections that are authenticated, and as which generation. */
  readonly #authenticated = new WeakMap<Connection, Dance>();
  /** The server forgets between requests: each one needs a first token. */
  #isPerRequest = false;

  /** The first token of a dance, or null when there is none. */
  protected abstract firstToken(dance: Dance): Uint8Array | null | Promise<Uint8Array | null>;

  /** The answer to a challenge, or null when it cannot be answered. */
  protected abstract answer(dance: Dance, challenge: Uint8Array): Uint8Array | null | Promise<Uint8Array | null>;

  /** Looks at the token of a successful response. */
  protected verify(_dance: Dance, _token: Uint8Array | null): void | Promise<void> {}

  /** A token in the challenge goes on with the dance; a bare one begins it, or refuses what was sent. */
  override challenged(
    challenge: Challenge,
    used: Authorization | null,
    connection: Connection | null,
  ): AuthStep | null {
    const sent = used as DanceAuthorization | null;
    const token = challenge.token68 === null ? null : fromBase64(challenge.token68);
    if (sent === null) return { connection: null };
    if (sent.round === 0) {
      const wasAuthenticated = connection !== null && this.#authenticated.delete(connection);
      if (wasAuthenticated) this.#isPerRequest = true;
      return { connection };
    }
    if (token === null || connection === null || sent.dance.connection !== connection) return null;
    const step: DanceStep = { connection, dance: sent.dance, challenge: token };
    return step;
  }

  /** Writes the token of this round; none on a connection that is authenticated already. */
  override authorize(request: AuthRequest, step: AuthStep | null): Authorization | Promise<Authorization> {
    const { connection } = request;
    if (connection === null || !this.isAuthenticated) return { value: null, generation: this.generation };
    const going = step !== null && "dance" in step ? step as DanceStep : null;
    if (going !== null && going.connection === connection && going.dance.generation === this.generation) {
      return this.#write(going.dance, 2, this.answer(going.dance, going.challenge));
    }
    const done = this.#authenticated.get(connection);
    if (done?.generation === this.generation && !this.#isPerRequest) {
      return this.#write(done, 0, null);
    }
    const dance: Dance = { connection, host: request.host, generation: this.generation, context: new Map() };
    return this.#write(dance, 1, this.firstToken(dance));
  }

  #write(
    dance: Dance,
    round: 0 | 1 | 2,
    token: Uint8Array | null | Promise<Uint8Array | null>,
  ): DanceAuthorization | Promise<DanceAuthorization> {
    if (token instanceof Promise) return token.then((bytes) => this.#write(dance, round, bytes));
    const value = token === null ? null : `${this.scheme} ${toBase64(token)}`;
    return { value, generation: dance.generation, dance, round };
  }

  /** Notes that the connection is authenticated. */
  override accepted(
    used: Authorization,
    _info: ReadonlyMap<string, string> | null,
    challenges: readonly Challenge[],
  ): BodyCheck | null | Promise<BodyCheck | null> {
    const { dance, round, value } = used as DanceAuthorization;
    if (value === null || round === 0) return null;
    this.#authenticated.set(dance.connection, dance);
    const own = challenges.find(({ scheme }) => scheme.toLowerCase() === this.scheme.toLowerCase());
    const checked = this.verify(dance, own?.token68 ? fromBase64(own.token68) : null);
    return checked instanceof Promise ? checked.then(() => null) : null;
  }
}
