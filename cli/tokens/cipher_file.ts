import { getRandomValues } from "node:crypto";
import { concatBytes } from "../../internal/bytes.ts";
import { Pkcs11Error } from "../../session/errors.ts";
import type { Mechanism } from "../../session/mechanisms/mod.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError, UsageError } from "../terminal/errors.ts";
import { openSink, openSource, readWhole, type Sink, type Source, STANDARD } from "../terminal/files.ts";
import { Progress } from "../terminal/progress.ts";
import { type CipherScheme, cipherScheme, withMechanism } from "./cipher_schemes.ts";
import { keyFacts } from "./key_facts.ts";
import type { OrLogIn } from "./login.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes up to which a file goes to the token in one piece: not every token takes every mechanism in several. */
const ONE_PIECE = 1 << 20;

/**
 * Encrypts or decrypts the file of a command with a key. The file is opened before anybody asks for the key's PIN.
 *
 * @param use Finds the key for what is done with it.
 */
export async function cipherFile(
  context: CommandContext,
  direction: "encrypt" | "decrypt",
  use: (cipher: (key: Pkcs11Object, orLogIn: OrLogIn) => Promise<void>) => Promise<void>,
): Promise<void> {
  const { command, options, surroundings } = context;
  if (options.has("json") && (options.text("out") ?? STANDARD) === STANDARD) {
    throw new UsageError(
      `Cannot ${direction} into JSON: what is written may be larger than memory; --out names a file for it`,
      command.name,
    );
  }
  const source = await openSource(options.text("in") ?? STANDARD, surroundings);
  await use((key, orLogIn) => cipher(source, context, { key, orLogIn }, direction));
}

/** A key, and what logs in where its use wants that. */
interface CipherKey {
  readonly key: Pkcs11Object;
  readonly orLogIn: OrLogIn;
}

async function cipher(
  source: Source,
  context: CommandContext,
  { key, orLogIn }: CipherKey,
  direction: "encrypt" | "decrypt",
): Promise<void> {
  const { options, signal, command, surroundings } = context;
  const names = { name: options.text("mechanism"), hash: options.text("hash"), command: command.name };
  const scheme = cipherScheme(await keyFacts(key, signal), names);
  const file = options.text("out") ?? STANDARD;
  const sink = await openSink(file, surroundings, { secret: direction === "decrypt" });
  const progress = new Progress(surroundings, direction === "encrypt" ? "Encrypting" : "Decrypting", source.size);
  try {
    const work = new CipherWork(context, { key, orLogIn }, scheme, progress);
    const content = await begin(source, ONE_PIECE);
    try {
      await (direction === "encrypt" ? work.encrypt(source, content, sink) : work.decrypt(source, content, sink));
    } finally {
      await content.rest?.return?.();
    }
    await progress.end();
    await sink.commit();
  } finally {
    await progress.end();
    await sink.discard();
  }
  if (options.has("json")) {
    await context.report({ json: { mechanism: scheme.name, key: await key.uri({ signal }), file }, text: "" });
  }
}

/** One file and one key. */
class CipherWork {
  readonly #context: CommandContext;
  readonly #key: Pkcs11Object;
  readonly #orLogIn: OrLogIn;
  readonly #scheme: CipherScheme;
  readonly #progress: Progress;

  constructor(context: CommandContext, { key, orLogIn }: CipherKey, scheme: CipherScheme, progress: Progress) {
    this.#context = context;
    this.#key = key;
    this.#orLogIn = orLogIn;
    this.#scheme = scheme;
    this.#progress = progress;
  }

  async encrypt(source: Source, { rest, start }: Content, sink: Sink): Promise<void> {
    const iv = getRandomValues(new Uint8Array(this.#scheme.ivLength));
    const mechanisms = this.#scheme.mechanisms(iv);
    if (iv.length > 0) await sink.write(iv);
    if (rest !== null && this.#scheme.inPieces) {
      return await this.#inPieces("encrypt", mechanisms[0]!, start, rest, sink);
    }
    const { signal } = this.#context;
    const data = await joined(start, rest);
    const limits = await this.#limits();
    if (data.length > Math.max(...limits)) throw this.#tooMuch(source, data.length, limits);
    try {
      await sink.write(
        await withMechanism(
          mechanisms,
          (mechanism) => this.#orLogIn(() => this.#key.session.encrypt(this.#key, mechanism, data, { signal })),
        ),
      );
    } catch (error) {
      // Which of the mechanisms the token knows shows in its answer only, and what it answers says little.
      if (!(error instanceof Pkcs11Error) || data.length <= limits[0]!) throw error;
      throw this.#tooMuch(source, data.length, limits);
    }
  }

  /** The most bytes that each mechanism takes with this key. */
  async #limits(): Promise<readonly number[]> {
    const { paddings } = this.#scheme;
    if (paddings === undefined) return [Infinity];
    const { modulus } = await this.#key.get(["modulus"], { signal: this.#context.signal });
    const length = modulus === undefined ? Infinity : modulus.length - modulus.findIndex((byte) => byte !== 0);
    return paddings.map((padding) => length - padding);
  }

  #tooMuch({ name }: Source, length: number, [most, other]: readonly number[]): CommandError {
    const otherwise = other === undefined ? "" : `, and with --hash SHA-1 ${other}`;
    return new CommandError(
      `Cannot encrypt ${
        JSON.stringify(name)
      }: it has ${length} bytes, and with ${this.#scheme.name} this key takes at ` +
        `most ${most}${otherwise}`,
      "RSA keys are for other keys; a key of gp11 keygen --type aes takes files.",
    );
  }

  async decrypt(source: Source, { rest, start }: Content, sink: Sink): Promise<void> {
    const { ivLength, name } = this.#scheme;
    if (start.length < ivLength) {
      throw new CommandError(
        `Cannot decrypt ${JSON.stringify(source.name)}: it has ${start.length} bytes, ` +
          `and with ${name} the first ${ivLength} are the IV`,
      );
    }
    const mechanisms = this.#scheme.mechanisms(start.slice(0, ivLength));
    const body = start.subarray(ivLength);
    if (rest !== null && this.#scheme.inPieces) {
      return await this.#inPieces("decrypt", mechanisms[0]!, body, rest, sink);
    }
    const { signal } = this.#context;
    const data = await joined(body, rest);
    const clear = await withMechanism(
      mechanisms,
      (mechanism) => this.#key.session.decrypt(this.#key, mechanism, data, { signal }),
    );
    await sink.write(clear);
    clear.fill(0);
  }

  /** Piece by piece. What was decrypted is held back from a stream until the token has found all of it right. */
  async #inPieces(
    direction: "encrypt" | "decrypt",
    mechanism: Mechanism,
    start: Bytes,
    rest: AsyncIterator<Bytes>,
    sink: Sink,
  ): Promise<void> {
    const { options, signal } = this.#context;
    const { session } = this.#key;
    const isHeld = direction === "decrypt" && (options.text("out") ?? STANDARD) === STANDARD;
    const held: Bytes[] = [];
    const take = async (piece: Bytes) => isHeld ? void held.push(piece) : await sink.write(piece);
    const { parts, first } = await this.#orLogIn(async () => {
      const parts = direction === "encrypt"
        ? session.encryptor(this.#key, mechanism)
        : session.decryptor(this.#key, mechanism);
      try {
        return { parts, first: await parts.update(start, { signal }) };
      } catch (error) {
        await parts.close();
        throw error;
      }
    });
    try {
      await take(first);
      await this.#progress.advance(start.length);
      for (let piece: Bytes | undefined; (piece = (await rest.next()).value) !== undefined;) {
        await take(await parts.update(piece, { signal }));
        await this.#progress.advance(piece.length);
      }
      await take(await parts.final({ signal }));
    } finally {
      await parts.close();
    }
    for (const piece of held) await sink.write(piece);
  }
}

/** The first bytes of a source, and an iterator over the rest where there are more; whoever has it ends it. */
interface Content {
  readonly start: Bytes;
  readonly rest: AsyncIterator<Bytes> | null;
}

async function begin(source: Source, most: number): Promise<Content> {
  const pieces: Bytes[] = [];
  const chunks = source.chunks()[Symbol.asyncIterator]();
  for (let length = 0; length <= most;) {
    const { done, value } = await chunks.next();
    if (done) return { start: concatBytes(...pieces), rest: null };
    pieces.push(value);
    length += value.length;
  }
  return { start: concatBytes(...pieces), rest: chunks };
}

async function joined(start: Bytes, rest: AsyncIterator<Bytes> | null): Promise<Bytes> {
  if (rest === null) return start;
  const chunks = { [Symbol.asyncIterator]: () => rest };
  const more = await readWhole({ name: "", size: undefined, chunks: () => chunks });
  return concatBytes(start, more);
}
