import type { AttributesInit } from "../../session/attributes/attributes_init.ts";
import type { JsonWebKeyFields } from "../../session/keys/forms/json_web_key.ts";
import { foreignBytes, foreignLine, foreignPem } from "../../session/keys/forms/read_der.ts";
import { looksLikePem, readPem } from "../../session/keys/forms/pem.ts";
import { type KeyInput, withKey } from "../../session/keys/forms/read_key.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { Session } from "../../session/tokens/session.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError } from "../terminal/errors.ts";
import { openSource, readWhole, type Source, STANDARD } from "../terminal/files.ts";
import { askSecret } from "../terminal/questions.ts";
import { listText } from "../terminal/table.ts";
import { allOrNothing } from "../tokens/all_or_nothing.ts";
import { bundledCertificates, isBundle, isRequest } from "../tokens/certificate_bundle.ts";
import { checkIdIsFree, noteTwin } from "../tokens/find_object.ts";
import { oneToken, uriArgument } from "../tokens/find_tokens.ts";
import { withSession } from "../tokens/login.ts";
import { withModules } from "../tokens/modules.ts";
import { storeCertificate } from "../tokens/store_certificate.ts";

/** More than all keys and certificates of a person take, in bytes. */
const MOST = 4 << 20;

/** One thing to bring in. */
interface Piece {
  readonly kind: "certificate" | "private" | "public" | "secret" | "unknown";
  readonly input: string | Uint8Array<ArrayBuffer> | JsonWebKeyFields;
  readonly isEncrypted: boolean;
}

/** Brings keys and certificates into a token. */
export async function run(context: CommandContext): Promise<void> {
  const { arguments: [text], options, command, surroundings } = context;
  const uri = uriArgument(text!, command.name);
  const source = await openSource(options.text("in") ?? STANDARD, surroundings);
  const bytes = await readWhole(source, { most: MOST });
  try {
    const pieces = piecesOf(bytes, source);
    const encrypted = pieces.filter(({ isEncrypted }) => isEncrypted);
    const passphrase = await passphraseOf(context, source.name, encrypted.length > 0);
    await withModules(context, async (modules) => {
      if (passphrase !== null) await checkPassphrase(encrypted, passphrase);
      const found = await oneToken(modules, uri, context);
      await withSession(context, uri, found, { login: true, readWrite: true }, async (session) => {
        const importer = new Importer(session, context, passphrase);
        await context.report(await resultOf(await importer.importAll(keysFirst(pieces)), context));
      });
    }).finally(() => passphrase?.fill(0));
  } finally {
    bytes.fill(0);
  }
}

/** What a file holds: blocks of PEM, a JSON Web Key, or DER. */
function piecesOf(bytes: Uint8Array<ArrayBuffer>, source: Source): Piece[] {
  const { name } = source;
  if (bytes.length === 0) throw new CommandError(`Cannot import ${JSON.stringify(name)}: it is empty`);
  const text = new TextDecoder("latin1").decode(bytes);
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9# ]+)-----[^]*?-----END \1-----/g)];
  refuseOtherForms(bytes, text, source);
  if (looksLikePem(text)) {
    return blocks.flatMap(([block, label]): Piece[] => {
      if (/^(PKCS ?#?7|CMS)/.test(label!)) return bundlePieces(readPem(block, "the PEM block")[0]!.bytes, name);
      const isEncrypted = label === "ENCRYPTED PRIVATE KEY";
      return /^(EC|DSA) PARAMETERS$/.test(label!)
        ? []
        : [{ kind: kindOfPem(label!), input: `${block}\n`, isEncrypted }];
    });
  }
  if (/^\s*\{/.test(text)) {
    const input = jsonWebKey(bytes, name);
    return [{
      kind: input.kty === "oct" ? "secret" : "d" in input || "priv" in input ? "private" : "public",
      input,
      isEncrypted: false,
    }];
  }
  return isBundle(bytes) ? bundlePieces(bytes, name) : [{ kind: "unknown", input: bytes, isEncrypted: false }];
}

/** Says of what is no key and no certificate what it is, and what makes one of it. */
function refuseOtherForms(bytes: Uint8Array<ArrayBuffer>, text: string, { name, size }: Source): void {
  const refusal = (is: string, hint: string) => new CommandError(`Cannot import ${JSON.stringify(name)}: ${is}`, hint);
  const labels = [...text.matchAll(/-----BEGIN ([A-Z0-9# ]+)-----/g)].map(([, label]) => label!);
  const foreign = foreignBytes(bytes) ?? labels.map(foreignPem).find((form) => form !== null) ?? foreignLine(text);
  if (foreign !== null) {
    throw refusal(
      `it is ${foreign.is}`,
      `Convert it, or a copy of it, with: ${foreign.command(size === undefined ? "FILE" : name)}` +
        (foreign.limits && ` (${foreign.limits})`),
    );
  }
  if (labels.some((label) => label.endsWith("CERTIFICATE REQUEST")) || isRequest(bytes)) {
    throw refusal("it is a certificate request", "An authority makes a certificate of it: bring that in.");
  }
}

/** The certificates of PKCS #7. */
function bundlePieces(bytes: Uint8Array<ArrayBuffer>, name: string): Piece[] {
  const refusal = (state: string, hint?: string, cause?: unknown) =>
    new CommandError(`Cannot import ${JSON.stringify(name)}: it is PKCS #7 ${state}`, hint, { cause });
  let certificates: Uint8Array<ArrayBuffer>[];
  try {
    certificates = bundledCertificates(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw refusal("that cannot be read", `Take PEM of it: openssl pkcs7 -inform DER -in FILE -print_certs`, error);
  }
  if (certificates.length === 0) throw refusal("without certificates");
  return certificates.map((input) => ({ kind: "certificate", input, isEncrypted: false }));
}

function jsonWebKey(bytes: Uint8Array, name: string): JsonWebKeyFields {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new CommandError(`Cannot import ${JSON.stringify(name)}: it begins as JSON and is none`); // No part of it is shown.
  }
}

function kindOfPem(label: string): Piece["kind"] {
  if (/^(X509 |TRUSTED )?CERTIFICATE$/.test(label)) return "certificate";
  if (label.endsWith("PRIVATE KEY")) return "private";
  return label.endsWith("PUBLIC KEY") ? "public" : "unknown";
}

/** A certificate takes the id of its key, so the key comes first. */
function keysFirst(pieces: readonly Piece[]): Piece[] {
  const isLate = ({ kind }: Piece) => kind === "certificate";
  return [...pieces.filter((piece) => !isLate(piece)), ...pieces.filter(isLate)];
}

/** The passphrase that was given; a person is asked only where one is needed for certain: DER does not say. */
async function passphraseOf(
  { signal, surroundings }: CommandContext,
  name: string,
  isNeeded: boolean,
): Promise<Uint8Array | null> {
  const given = surroundings.environment["GP11_PASSPHRASE"];
  if (given !== undefined && given !== "") return new TextEncoder().encode(given);
  if (!isNeeded) return null;
  const terminal = surroundings.openTerminal();
  const typed = terminal && await askSecret(terminal, `Passphrase of ${JSON.stringify(name)}: `, signal);
  if (typed) return typed;
  throw new CommandError(
    `Cannot import ${JSON.stringify(name)}: the key is encrypted and there is no passphrase`,
    "Set GP11_PASSPHRASE, or run it at a terminal and type it.",
  );
}

/** A wrong passphrase is told before anybody is asked for a PIN. */
async function checkPassphrase(encrypted: readonly Piece[], passphrase: Uint8Array): Promise<void> {
  for (const { input } of encrypted) await withKey(input as string, passphrase, () => Promise.resolve());
}

/** An object that is on the token now. */
interface Imported {
  readonly object: Pkcs11Object;
  /** Whether it was there before. */
  readonly wasThere: boolean;
}

/** Brings one thing after the other into a token. */
class Importer {
  readonly #session: Session;
  readonly #context: CommandContext;
  readonly #passphrase: Uint8Array | null;
  /** Certificates that new ones take the place of. */
  readonly #replaced: Pkcs11Object[] = [];
  #certificates = 0;

  constructor(session: Session, context: CommandContext, passphrase: Uint8Array | null) {
    this.#session = session;
    this.#context = context;
    this.#passphrase = passphrase;
  }

  /** All or nothing: when one is refused, those before it go again. */
  async importAll(pieces: readonly Piece[]): Promise<Imported[]> {
    const imported: Imported[] = [];
    const made: Pkcs11Object[] = [];
    await allOrNothing(made, async () => {
      for (const piece of pieces) {
        const objects = await this.#import(piece);
        imported.push(...objects);
        made.push(...objects.filter(({ wasThere }) => !wasThere).map(({ object }) => object));
        await this.#checkId(objects[0]!.object);
      }
    });
    for (const object of this.#replaced) await object.destroy();
    for (const object of made) await noteTwin(object, this.#context);
    return imported;
  }

  /** The other half of a pair may be on the token already. */
  async #checkId(made: Pkcs11Object): Promise<void> {
    const { options, signal } = this.#context;
    const { class: kind, id } = await made.get(["class", "id"], { signal });
    if (kind === undefined || id === undefined) return;
    await checkIdIsFree(this.#session, { id, kind, made, isOwn: options.bytes("id") === undefined }, signal);
  }

  async #import({ input, kind }: Piece): Promise<Imported[]> {
    switch (kind) {
      case "certificate":
        return [await this.#certificate(input as string | Uint8Array<ArrayBuffer>)];
      case "private":
        return await this.#pair(input as KeyInput);
      case "public":
      case "secret":
        return [await this.#key(input as KeyInput)];
      case "unknown":
        return await this.#derOfAnyKind(input as Uint8Array<ArrayBuffer>);
    }
  }

  async #certificate(input: string | Uint8Array<ArrayBuffer>): Promise<Imported> {
    const { options, signal } = this.#context;
    // Those behind the first vouch for it: their keys are others, and so are their identifiers.
    const id = this.#certificates++ === 0 ? options.bytes("id") : undefined;
    const names = { id, label: options.text("label") };
    const stored = await storeCertificate(this.#session, input, { ...names, replace: options.has("replace"), signal });
    this.#replaced.push(...stored.replaced);
    return stored;
  }

  async #pair(input: KeyInput): Promise<Imported[]> {
    const options = this.#options();
    const { privateKey, publicKey } = await this.#session.importKeyPair(input, this.#names(), this.#hidden(), options);
    return [{ object: privateKey, wasThere: false }, { object: publicKey, wasThere: false }];
  }

  async #key(input: KeyInput): Promise<Imported> {
    const isSecret = typeof input === "object" && "kty" in input && input.kty === "oct";
    const attributes = isSecret ? this.#hidden() : this.#names();
    return { object: await this.#session.importKey(input, attributes, this.#options()), wasThere: false };
  }

  /** DER does not say what it is: a certificate, a private key with its public half, a public key. */
  async #derOfAnyKind(der: Uint8Array<ArrayBuffer>): Promise<Imported[]> {
    const roads = [
      async () => [await this.#certificate(der)],
      () => this.#pair(der),
      async () => [await this.#key(der)],
    ];
    for (const road of roads) {
      try {
        return await road();
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // A TypeError says that it is nothing of this kind.
      }
    }
    throw new CommandError(
      "Cannot import: what was given is no key and no certificate",
      "PEM, DER (PKCS#8, PKCS#1, SEC1, SubjectPublicKeyInfo, X.509) and JSON Web Keys are read.",
    );
  }

  #options() {
    const { options, signal } = this.#context;
    const passphrase = this.#passphrase === null ? {} : { passphrase: new Uint8Array(this.#passphrase) };
    return { signal, unwrap: options.has("unwrap"), ...passphrase };
  }

  #names(): AttributesInit {
    const { options } = this.#context;
    const [id, label] = [options.bytes("id"), options.text("label")];
    return { token: true, ...id === undefined ? {} : { id }, ...label === undefined ? {} : { label } };
  }

  #hidden(): AttributesInit {
    const extractable = this.#context.options.has("extractable");
    return { ...this.#names(), private: true, sensitive: !extractable, extractable };
  }
}

async function resultOf(imported: readonly Imported[], { paint, signal }: CommandContext) {
  const uris = await Promise.all(imported.map(({ object }) => object.uri({ signal })));
  const states = imported.map(({ wasThere }) => wasThere ? "there already" : "imported");
  return { json: uris, text: listText(uris.map((uri, at) => [states[at]!, uri] as const), paint) };
}
