import { randomBytes } from "node:crypto";
import { CKK, CKM, CKO } from "../../ffi/constants/mod.ts";
import type { AttributesInit } from "../../session/attributes/attributes_init.ts";
import { suggestion } from "../../internal/expected.ts";
import { curveByName, curves } from "../../session/attributes/named_parameters.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { Session } from "../../session/tokens/session.ts";
import type { CommandContext } from "../contract/command.ts";
import type { OptionValues } from "../contract/option_values.ts";
import { UsageError } from "../terminal/errors.ts";
import { Progress } from "../terminal/progress.ts";
import { listText } from "../terminal/table.ts";
import { allOrNothing } from "../tokens/all_or_nothing.ts";
import { checkIdIsFree, noteTwin } from "../tokens/find_object.ts";
import { oneToken, uriArgument } from "../tokens/find_tokens.ts";
import { withSession } from "../tokens/login.ts";
import { withModules } from "../tokens/modules.ts";

/** Bytes of a CKA_ID that is made up: two keys never get the same. */
const ID_LENGTH = 20;

/** What is made, as the command line says it. */
type Recipe =
  | {
    readonly pair: number;
    readonly publicAttributes: AttributesInit;
    readonly privateAttributes: AttributesInit;
    readonly name: string;
  }
  | { readonly secret: number; readonly attributes: AttributesInit; readonly name: string };

/** Makes a key pair or a secret key on a token. */
export async function run(context: CommandContext): Promise<void> {
  const { arguments: [text], options, command, surroundings } = context;
  const uri = uriArgument(text!, command.name);
  const recipe = recipeOf(options, command.name);
  const given = options.bytes("id");
  const id = given ?? new Uint8Array(randomBytes(ID_LENGTH));
  await withModules(context, async (modules) => {
    const found = await oneToken(modules, uri, context);
    await withSession(context, uri, found, { login: true, readWrite: true }, async (session) => {
      if (given !== undefined) {
        const kinds = "secret" in recipe ? [CKO.SECRET_KEY] : [CKO.PRIVATE_KEY, CKO.PUBLIC_KEY];
        for (const kind of kinds) await checkIdIsFree(session, { id, kind }, context.signal);
      }
      const progress = new Progress(surroundings, `Making the ${recipe.name} key`);
      await progress.show();
      const keys = await made(session, recipe, { id, label: options.text("label")! }, context)
        .finally(() => progress.end());
      const result = await allOrNothing(Object.values(keys), () => resultOf(keys, recipe.name, context));
      await context.report(result);
      await noteTwin(keys.privateKey ?? keys.secretKey, context);
    });
  });
}

interface MadeKeys {
  readonly privateKey?: Pkcs11Object;
  readonly publicKey?: Pkcs11Object;
  readonly secretKey?: Pkcs11Object;
}

async function made(
  session: Session,
  recipe: Recipe,
  names: { readonly id: Uint8Array; readonly label: string },
  { options, signal }: CommandContext,
): Promise<MadeKeys> {
  const extractable = options.has("extractable");
  const common: AttributesInit = { token: true, ...names };
  const hidden: AttributesInit = { ...common, private: true, sensitive: !extractable, extractable };
  if ("secret" in recipe) {
    return { secretKey: await session.generateKey(recipe.secret, { ...hidden, ...recipe.attributes }, { signal }) };
  }
  return await session.generateKeyPair(
    recipe.pair,
    { ...common, private: false, ...recipe.publicAttributes },
    { ...hidden, ...recipe.privateAttributes },
    { signal },
  );
}

async function resultOf({ privateKey, publicKey, secretKey }: MadeKeys, name: string, context: CommandContext) {
  const { paint, signal } = context;
  const entries: (readonly [string, string])[] = [];
  const json: Record<string, unknown> = { type: name };
  const add = async (title: string, member: string, key: Pkcs11Object | undefined) => {
    if (key === undefined) return;
    const uri = await key.uri({ signal });
    entries.push([title, uri]);
    json[member] = uri;
  };
  await add("private key", "privateKey", privateKey);
  await add("public key", "publicKey", publicKey);
  await add("secret key", "secretKey", secretKey);
  if (publicKey !== undefined) json["pem"] = await publicKey.publicKey("pem", { signal });
  return { json, text: listText(entries, paint) };
}

function recipeOf(options: OptionValues, command: string): Recipe {
  const type = options.text("type")!;
  refuseOthers(options, type, command);
  switch (type) {
    case "ec":
      return curveRecipe(options.text("curve") ?? "P-256", command);
    case "ed25519":
      return curveRecipe("Ed25519", command);
    case "x25519":
      return curveRecipe("X25519", command);
    case "rsa": {
      const modulusBits = options.integer("bits", 1024, 16384) ?? 3072;
      return {
        pair: CKM.RSA_PKCS_KEY_PAIR_GEN,
        name: `RSA ${modulusBits}`,
        publicAttributes: { modulusBits, publicExponent: Uint8Array.of(1, 0, 1), verify: true, encrypt: true },
        privateAttributes: { sign: true, decrypt: true },
      };
    }
    case "aes": {
      const bits = options.integer("bits", 128, 256) ?? 256;
      if (![128, 192, 256].includes(bits)) {
        throw new UsageError(`Cannot use --bits ${bits}: an AES key has 128, 192 or 256`, command);
      }
      const uses = { encrypt: true, decrypt: true, wrap: true, unwrap: true };
      return { secret: CKM.AES_KEY_GEN, name: `AES ${bits}`, attributes: { valueLen: bits / 8, ...uses } };
    }
  }
  const bits = options.integer("bits", 80, 4096) ?? 256;
  if (bits % 8 !== 0) throw new UsageError(`Cannot use --bits ${bits}: a key for HMAC has whole bytes`, command);
  const attributes = { keyType: CKK.GENERIC_SECRET, valueLen: bits / 8, sign: true, verify: true };
  return { secret: CKM.GENERIC_SECRET_KEY_GEN, name: `HMAC ${bits}`, attributes };
}

/** Options that say nothing about keys of a type: who gives them means another type. */
function refuseOthers(options: OptionValues, type: string, command: string): void {
  if (options.has("curve") && type !== "ec") {
    throw new UsageError(`Cannot use --curve with --type ${type}: only ec keys have one to choose`, command);
  }
  if (options.has("bits") && !["rsa", "aes", "hmac"].includes(type)) {
    throw new UsageError(`Cannot use --bits with --type ${type}: its size is that of its curve`, command);
  }
}

function curveRecipe(name: string, command: string): Recipe {
  const curve = curveByName(name) ?? curves.find((each) => each.name.toLowerCase() === name.toLowerCase());
  if (curve === undefined || curve.keyType !== CKK.EC && name !== curve.name) {
    const ecCurves = curves.filter(({ keyType }) => keyType === CKK.EC).map((each) => each.name);
    const near = suggestion(name, ecCurves);
    throw new UsageError(
      `Cannot use --curve ${JSON.stringify(name)}: there are ${ecCurves.join(", ")}${near}`,
      command,
    );
  }
  const namedCurve = curve.name;
  if (curve.keyType === CKK.EC_MONTGOMERY) {
    return {
      pair: CKM.EC_MONTGOMERY_KEY_PAIR_GEN,
      name: namedCurve,
      publicAttributes: { namedCurve },
      privateAttributes: { derive: true },
    };
  }
  const isEdwards = curve.keyType === CKK.EC_EDWARDS;
  return {
    pair: isEdwards ? CKM.EC_EDWARDS_KEY_PAIR_GEN : CKM.EC_KEY_PAIR_GEN,
    name: isEdwards ? namedCurve : `EC ${namedCurve}`,
    publicAttributes: { namedCurve, verify: true },
    privateAttributes: isEdwards ? { sign: true } : { sign: true, derive: true },
  };
}
