/** Whose turn it is on a token: sessions work beside each other, until an operation takes the token for itself. */
import { PinTries } from "./pin_tries.ts";

interface Waiting {
  readonly user: object;
  readonly proceed: () => void;
}

/** The turns of one token, shared by all sessions of all who use it. Users are the frames of operations. */
export class TokenTurn {
  /** The PINs that are tried on the token. */
  readonly pins: PinTries = new PinTries();
  /** The token's label as it was read last. */
  label: string | undefined = undefined;
  #holder: object | null = null;
  /** Steps under way. */
  #running = 0;
  readonly #claims: Waiting[] = [];
  readonly #waiting: Waiting[] = [];

  /** Whether somebody else has the token for himself. */
  isTakenFrom(user: object): boolean {
    return this.#holder !== null && this.#holder !== user;
  }

  /** Whether a user has the token for himself. */
  isHeldBy(user: object): boolean {
    return this.#holder === user;
  }

  /** Begins a step, and says so, unless it has to {@linkcode TokenTurn.wait}. */
  enter(user: object): boolean {
    if (this.#holder !== user && (this.#holder !== null || this.#claims.length > 0)) return false;
    this.#running++;
    return true;
  }

  /** Calls `proceed` when a step that could not be begun has. */
  wait(user: object, proceed: () => void): void {
    this.#waiting.push({ user, proceed });
  }

  /** A step has ended. */
  leave(): void {
    this.#running--;
    this.#grant();
  }

  /** Gives up a step that has not begun. Returns whether there was one. */
  withdraw(user: object): boolean {
    return remove(this.#waiting, user);
  }

  /** Resolves when a user has the token for himself, with no step of others under way. */
  claim(user: object): Promise<void> {
    return new Promise((resolve) => {
      this.#claims.push({ user, proceed: resolve });
      this.#grant();
    });
  }

  /** Takes the token in place. Returns whether that could be done at once. */
  claimInPlace(user: object): boolean {
    if (this.#holder !== null || this.#running > 0) return false;
    this.#holder = user;
    return true;
  }

  /** Gives the token back, or a claim to it. Those who have waited meanwhile come before the next claim. */
  release(user: object): void {
    remove(this.#claims, user);
    if (this.#holder === user) {
      this.#holder = null;
      this.#admit();
    }
    this.#grant();
  }

  #admit(): void {
    if (this.#waiting.length === 0) return;
    const admitted = this.#waiting.splice(0);
    this.#running += admitted.length;
    for (const { proceed } of admitted) proceed();
  }

  #grant(): void {
    if (this.#holder !== null) return;
    if (this.#claims.length === 0) return this.#admit();
    if (this.#running > 0) return;
    const { user, proceed } = this.#claims.shift()!;
    this.#holder = user;
    proceed();
  }
}

function remove(list: Waiting[], user: object): boolean {
  const index = list.findIndex((entry) => entry.user === user);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}
