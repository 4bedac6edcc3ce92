/**
 * PINs that are tried on one token. A card has three tries: calls that run side by side do not take one each with the same
 * PIN. One of them tries it, the others wait for its answer, which is theirs too where it is a refusal.
 */
import { builtin } from "../../internal/builtin_modules.ts";
import { isSameBytes, secretCopy, secretText } from "../../internal/bytes.ts";
import { CKR } from "../constants/mod.ts";

/** Refusals that are remembered; a token is locked long before. */
const REMEMBERED = 64;

interface Refusal {
  readonly name: string;
  /** Which refusal of the token it was, counted from 1. */
  readonly number: number;
  readonly rv: number;
}

/** Under what the refused PINs of this process are known here: what is kept of a PIN tells nobody which one it was. */
let secret: Uint8Array | undefined;

/** A PIN while it is tried: a copy that is overwritten afterwards. */
export class TriedPin {
  readonly #userType: bigint;
  readonly #bytes: Uint8Array;

  /** A user's PIN or a security officer's. */
  constructor(userType: bigint, pin: string | Uint8Array) {
    this.#userType = userType;
    this.#bytes = typeof pin === "string" ? secretText(pin) : secretCopy(pin);
  }

  /** Whether it is the same PIN of the same user. */
  isSame(other: TriedPin): boolean {
    return this.#userType === other.#userType && isSameBytes(this.#bytes, other.#bytes);
  }

  /** What it is known by once it is gone. */
  name(): string {
    secret ??= builtin.crypto.randomBytes(32);
    return builtin.crypto.createHmac("sha256", secret).update(`${this.#userType} `).update(this.#bytes).digest(
      "base64",
    );
  }

  /** Overwrites it. */
  forget(): void {
    this.#bytes.fill(0);
  }
}

interface Waiting {
  readonly pin: TriedPin;
  readonly proceed: () => void;
}

/** A try under way, and those with the same PIN that wait for it. */
interface Try {
  pin: TriedPin;
  readonly waiting: Waiting[];
}

/** The PINs that are tried on a token, and those it has refused. */
export class PinTries {
  /** Refusals so far. A call remembers how many there were when it was made: later ones are answers to it as well. */
  refusals = 0;
  #refused: Refusal[] = [];
  readonly #underWay: Try[] = [];

  /** How the token has refused a PIN since a call was made; 0 where it has not. */
  refusalSince(refusals: number, pin: TriedPin): number {
    const later = this.#refused.filter(({ number }) => number > refusals);
    if (later.length === 0) return 0;
    const name = pin.name();
    return later.find((refusal) => refusal.name === name)?.rv ?? 0;
  }

  /** Begins a try. Returns `false` while another one with the same PIN is under way. */
  begin(pin: TriedPin): boolean {
    if (this.#tryOf(pin)) return false;
    this.#underWay.push({ pin, waiting: [] });
    return true;
  }

  /** Resolves when the next try with a PIN may begin, which is then this one's. */
  next(pin: TriedPin): { readonly turn: Promise<void>; leave(): void } {
    const { waiting } = this.#tryOf(pin)!;
    let proceed!: () => void;
    const turn = new Promise<void>((resolve) => proceed = resolve);
    waiting.push({ pin, proceed });
    const leave = () => {
      const at = waiting.findIndex((each) => each.proceed === proceed);
      // Whoever gives up when it is his turn already passes it on.
      if (at < 0) this.end(pin);
      else waiting.splice(at, 1);
    };
    return { turn, leave };
  }

  /** A try has ended; the next one with the same PIN begins. */
  end(pin: TriedPin): void {
    const under = this.#tryOf(pin)!;
    const next = under.waiting.shift();
    if (!next) return void this.#underWay.splice(this.#underWay.indexOf(under), 1);
    under.pin = next.pin;
    next.proceed();
  }

  /** What the token has said to a PIN. */
  answered(pin: TriedPin, rv: number): void {
    if (rv !== CKR.PIN_INCORRECT && rv !== CKR.PIN_LOCKED) return;
    this.#refused.push({ name: pin.name(), number: ++this.refusals, rv });
    if (this.#refused.length > REMEMBERED) this.#refused.shift();
  }

  /** A PIN was changed: what was refused may be right now. */
  changed(): void {
    this.#refused = [];
  }

  #tryOf(pin: TriedPin): Try | undefined {
    return this.#underWay.find((each) => each.pin.isSame(pin));
  }
}
