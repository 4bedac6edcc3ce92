/**
 * PINs that are tried on one token. A card has three tries: calls that run side by side do not take one each with the same
 * PIN. One of them tries it, the others wait for its answer, which is theirs too where it is a refusal.
 */
import { CKR } from "../constants/mod.ts";
import { createHmac, randomBytes } from "node:crypto";

/** Refusals that are remembered; a token is locked long before. */
const REMEMBERED = 64;

interface Refusal {
  readonly name: string;
  /** Which refusal of the token it was, counted from 1. */
  readonly number: number;
  readonly rv: number;
}

/** Under what the PINs of this process are known here: what is kept of a PIN tells nobody which one it was. */
let secret: Uint8Array | undefined;

/** What a PIN is known by, a user's or a security officer's. */
export function pinName(userType: bigint, pin: string | Uint8Array): string {
  secret ??= randomBytes(32);
  return createHmac("sha256", secret).update(`${userType} `).update(pin).digest("base64");
}

/** The PINs that are tried on a token, and those it has refused. */
export class PinTries {
  /** Refusals so far. A call remembers how many there were when it was made: later ones are answers to it as well. */
  refusals = 0;
  #refused: Refusal[] = [];
  readonly #underWay = new Map<string, (() => void)[]>();

  /** How the token has refused a PIN since a call was made; 0 where it has not. */
  refusalSince(refusals: number, name: string): number {
    return this.#refused.find((refusal) => refusal.number > refusals && refusal.name === name)?.rv ?? 0;
  }

  /** Begins a try. Returns `false` while another one with the same PIN is under way. */
  begin(name: string): boolean {
    if (this.#underWay.has(name)) return false;
    this.#underWay.set(name, []);
    return true;
  }

  /** Resolves when the next try with a PIN may begin, which is then this one's. */
  next(name: string): { readonly turn: Promise<void>; leave(): void } {
    const waiting = this.#underWay.get(name)!;
    let proceed!: () => void;
    const turn = new Promise<void>((resolve) => proceed = resolve);
    waiting.push(proceed);
    const leave = () => {
      const at = waiting.indexOf(proceed);
      // Whoever gives up when it is his turn already passes it on.
      if (at < 0) this.end(name);
      else waiting.splice(at, 1);
    };
    return { turn, leave };
  }

  /** A try has ended; the next one with the same PIN begins. */
  end(name: string): void {
    const proceed = this.#underWay.get(name)!.shift();
    if (proceed) proceed();
    else this.#underWay.delete(name);
  }

  /** What the token has said to a PIN. */
  answered(name: string, rv: number): void {
    if (rv !== CKR.PIN_INCORRECT && rv !== CKR.PIN_LOCKED) return;
    this.#refused.push({ name, number: ++this.refusals, rv });
    if (this.#refused.length > REMEMBERED) this.#refused.shift();
  }

  /** A PIN was changed: what was refused may be right now. */
  changed(): void {
    this.#refused = [];
  }
}
