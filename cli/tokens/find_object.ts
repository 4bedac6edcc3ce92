/** The object that a URI means, for a use of it. */
import { CKF, CKO, type ObjectClass } from "../../ffi/constants/mod.ts";
import { objectTemplate } from "../../session/find_by_uri.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { Session } from "../../session/tokens/session.ts";
import { objectClasses } from "../../session/uri/match.ts";
import type { Pkcs11Uri } from "../../session/uri/mod.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError } from "../terminal/errors.ts";
import { oneToken, uriArgument } from "./find_tokens.ts";
import { type OrLogIn, withSession } from "./login.ts";
import { withModules } from "./modules.ts";
import { quoted } from "./pin_places.ts";

/** What is looked for. */
export interface ObjectWish {
  /** What it is called in errors, such as `a key to sign with`. */
  readonly what: string;
  /** Classes of objects that will do, the best first: a pair and its certificate often have one label. */
  readonly classes: readonly ObjectClass[];
  /** Whether something is stored beside it. */
  readonly readWrite?: boolean;
}

/** Keys for each use. */
export const wishes = {
  sign: { what: "a key to sign with", classes: [CKO.PRIVATE_KEY, CKO.SECRET_KEY] },
  verify: {
    what: "a key to verify with",
    classes: [CKO.PUBLIC_KEY, CKO.CERTIFICATE, CKO.PRIVATE_KEY, CKO.SECRET_KEY],
  },
  encrypt: {
    what: "a key to encrypt with",
    classes: [CKO.PUBLIC_KEY, CKO.CERTIFICATE, CKO.SECRET_KEY, CKO.PRIVATE_KEY],
  },
  decrypt: { what: "a key to decrypt with", classes: [CKO.PRIVATE_KEY, CKO.SECRET_KEY] },
  export: {
    what: "an object to export",
    classes: [CKO.PUBLIC_KEY, CKO.CERTIFICATE, CKO.PRIVATE_KEY, CKO.SECRET_KEY, CKO.DATA],
  },
  certify: { what: "a private key to sign with", classes: [CKO.PRIVATE_KEY] },
  certificate: { what: "a certificate", classes: [CKO.CERTIFICATE] },
} as const satisfies Readonly<Record<string, ObjectWish>>;

/** Classes that are seen only after a login, as a rule. */
const PRIVATE: ReadonlySet<ObjectClass> = new Set([CKO.PRIVATE_KEY, CKO.SECRET_KEY]);

/**
 * Does something with the object that an argument means, and closes what it was found with.
 *
 * @param body What is done; an object that anybody may see may want a login for its use all the same.
 */
export async function withObject<T>(
  context: CommandContext,
  text: string,
  wish: ObjectWish,
  body: (object: Pkcs11Object, orLogIn: OrLogIn) => Promise<T>,
): Promise<T> {
  const uri = uriArgument(text, context.command.name);
  return await withModules(context, async (modules) => {
    const found = await oneToken(modules, uri, context);
    const needsLogin = (found.token.flags & CKF.LOGIN_REQUIRED) !== 0;
    // What anybody may see is looked for first: no PIN is asked for then.
    if (needsLogin && !isPrivate(uri, wish)) {
      const done = await withSession(context, uri, found, { login: false }, async (session, orLogIn) => {
        const object = await bestObject(session, uri, wish, context.signal);
        return object === null ? null : { result: await body(object, orLogIn) };
      });
      if (done !== null) return done.result;
    }
    const { readWrite } = wish;
    return await withSession(context, uri, found, { login: true, readWrite }, async (session, orLogIn) => {
      const object = await bestObject(session, uri, wish, context.signal);
      if (object !== null) return await body(object, orLogIn);
      throw new CommandError(
        `Cannot find ${wish.what}: the token has none that matches ${uri}`,
        "gp11 objects lists what it has; with --login private objects too.",
      );
    });
  });
}

/** Whether only a private or secret key will do. */
function isPrivate({ type }: Pkcs11Uri, { classes }: ObjectWish): boolean {
  return PRIVATE.has(type === undefined ? classes[0]! : objectClasses[type] as ObjectClass);
}

/** What keys are called in a message, by their class. */
const KEYS: ReadonlyMap<ObjectClass, string> = new Map([
  [CKO.PRIVATE_KEY, "private key"],
  [CKO.PUBLIC_KEY, "public key"],
  [CKO.SECRET_KEY, "secret key"],
]);

/** An id that a key gets. */
interface WantedId {
  readonly id: Uint8Array;
  /** The class of the key. */
  readonly kind: ObjectClass;
  /** The key that has it by right. */
  readonly made?: Pkcs11Object;
  /** Whether it was made of the key, and not given. */
  readonly isOwn?: boolean;
}

/**
 * Refuses a second key of a class with one id: where they have one label too, no URI tells them apart.
 *
 * @throws {CommandError} When another has it.
 */
export async function checkIdIsFree(
  session: Session,
  { id, kind, made, isOwn }: WantedId,
  signal: AbortSignal,
): Promise<void> {
  const name = KEYS.get(kind);
  if (name === undefined || id.length === 0) return;
  const objects = await session.findObjects({ class: kind, id: new Uint8Array(id) }, { signal });
  const other = objects.find((object) => made === undefined || !object.equals(made));
  if (other === undefined) return;
  const uri = await other.uri({ signal });
  const another = "give another --id, or delete that key first (gp11 delete)";
  if (isOwn) {
    throw new CommandError(
      `Cannot import the ${name}: the token has one with the id that is made of it, ${uri}`,
      `It was brought in before: use it by that URI. To have it once more, ${another}.`,
    );
  }
  throw new CommandError(
    `Cannot use the id ${id.toHex()}: the token has a ${name} with it, ${uri}`,
    `${another[0]!.toUpperCase()}${another.slice(1)}.`,
  );
}

/** Says that a key has the label of another one of its class: from now on the label alone names neither. */
export async function noteTwin(made: Pkcs11Object | undefined, context: CommandContext): Promise<void> {
  const { signal } = context;
  const { class: kind, label } = await made?.get(["class", "label"], { signal }) ?? {};
  // Of a pair one half tells it.
  const name = kind === CKO.PUBLIC_KEY ? undefined : KEYS.get(kind!);
  if (name === undefined || label === undefined || label === "") return;
  const found = await made!.session.findObjects({ class: kind!, label }, { signal });
  if (found.length < 2) return;
  await context.note(
    `the token has ${found.length} ${name}s with the label ${
      quoted(label)
    } now: name each by its id, as gp11 objects lists it`,
  );
}

/**
 * The one object that fits best.
 *
 * @returns null where none does
 * @throws {CommandError} When several fit equally well; they are listed.
 */
async function bestObject(
  session: Session,
  uri: Pkcs11Uri,
  { classes, what }: ObjectWish,
  signal: AbortSignal,
): Promise<Pkcs11Object | null> {
  const objects = await session.findObjects(objectTemplate(uri), { read: ["class"], signal });
  for (const wanted of classes) {
    const fitting = objects.filter(({ attributes }) => attributes.get("class") === wanted);
    if (fitting.length === 1) return fitting[0]!;
    if (fitting.length > 1) {
      const uris = await Promise.all(fitting.map((object) => object.uri({ signal })));
      const list = uris.map((each) => `  ${each}`).join("\n");
      const isClear = new Set(uris).size === uris.length;
      throw new CommandError(
        `Cannot choose ${what}: ${fitting.length} match ${uri}`,
        isClear
          ? `Name one of them by its URI:\n${list}`
          : "No URI tells those apart that have the same id and label. A program can give one another label, " +
            `with findObjects and set; gp11 delete takes all that match.\n${list}`,
      );
    }
  }
  return null;
}
