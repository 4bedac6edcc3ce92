import { CKF, CKO, type ObjectClass } from "../../ffi/constants/mod.ts";
import { ckoName } from "../../ffi/constants/names.ts";
import { objectTemplate } from "../../session/find_by_uri.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import { objectClasses } from "../../session/uri/match.ts";
import { Pkcs11Uri } from "../../session/uri/mod.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError } from "../terminal/errors.ts";
import { tableText } from "../terminal/table.ts";
import { type CertificateFacts, certificateFacts, validityText } from "../tokens/certificate_facts.ts";
import { type FoundToken, isInitialised, tokensMatching, uriArgument } from "../tokens/find_tokens.ts";
import { keyFacts, keyName } from "../tokens/key_facts.ts";
import { withSession } from "../tokens/login.ts";
import { noteFailures, withModules } from "../tokens/modules.ts";

/** Lists objects: public ones, and after a login the private ones too. */
export async function run(context: CommandContext): Promise<void> {
  const { arguments: [text], signal, command } = context;
  const uri = text === undefined ? Pkcs11Uri.from({}) : uriArgument(text, command.name);
  await withModules(context, async (modules, failures) => {
    const tokens = (await tokensMatching(modules, uri, signal)).filter(isInitialised);
    if (tokens.length === 0) {
      throw new CommandError(
        text === undefined ? "Cannot list objects: no token is present" : `Cannot find a token that matches ${uri}`,
        "gp11 slots shows the slots and the tokens in them.",
      );
    }
    const login = wantsLogin(context, uri, tokens);
    const rows: ObjectRow[] = [];
    for (const token of tokens) rows.push(...await objectsOf(context, uri, token, login));
    await context.report({ json: rows.map(jsonOf), text: objectsText(rows, context) });
    await noteFailures(context, failures);
    await noteUnseen(context, tokens, { isEmpty: rows.length === 0, login });
  });
}

/**
 * Whether to log in: where it was asked for, where private objects are meant, and where a PIN lies ready. A PIN belongs to
 * one token: with several it would be tried on tokens it is not for.
 */
function wantsLogin({ options, surroundings }: CommandContext, uri: Pkcs11Uri, tokens: readonly FoundToken[]): boolean {
  const withPin = tokens.filter(({ token }) => (token.flags & CKF.LOGIN_REQUIRED) !== 0);
  const isAsked = options.has("login") || uri.type === "private" || uri.type === "secret-key";
  const isReady = uri.pinSource !== undefined || Boolean(surroundings.environment["GP11_PIN"]);
  if (!isAsked && !isReady) return false;
  if (withPin.length <= 1) return true;
  if (!isAsked) return false;
  throw new CommandError(
    `Cannot log in: ${withPin.length} tokens match, and a PIN belongs to one`,
    "Name the token in the URI; gp11 slots shows the URIs of all.",
  );
}

async function noteUnseen(
  context: CommandContext,
  tokens: readonly FoundToken[],
  { isEmpty, login }: { isEmpty: boolean; login: boolean },
): Promise<void> {
  const isPartly = !login && tokens.some(({ token }) => (token.flags & CKF.LOGIN_REQUIRED) !== 0);
  if (isEmpty) await context.note("no object matches");
  if (isPartly) await context.note("private objects are not listed; --login asks for the PIN and lists them too");
}

/** An object as it is listed. */
interface ObjectRow {
  readonly type: string;
  readonly key: string;
  readonly label: string;
  readonly id: string;
  readonly token: string;
  readonly uri: string;
  /** What a certificate says; null for other objects, and where it cannot be read. */
  readonly certificate: CertificateFacts | null;
}

async function objectsOf(
  context: CommandContext,
  uri: Pkcs11Uri,
  found: FoundToken,
  login: boolean,
): Promise<ObjectRow[]> {
  const { signal } = context;
  return await withSession(context, uri, found, { login }, async (session) => {
    const objects = await session.findObjects(objectTemplate(uri), { signal });
    const rows: ObjectRow[] = [];
    for (const object of objects) rows.push(await rowOf(object, found.token.label, signal));
    return rows;
  });
}

/** A row for programs: what a certificate says stands beside the rest. */
function jsonOf({ certificate, ...row }: ObjectRow) {
  return { ...row, ...certificate };
}

const KEYS: ReadonlySet<ObjectClass | undefined> = new Set([CKO.PUBLIC_KEY, CKO.PRIVATE_KEY, CKO.SECRET_KEY]);

async function rowOf(object: Pkcs11Object, token: string, signal: AbortSignal): Promise<ObjectRow> {
  const read = await object.getAttributes(["class", "label", "id"], { signal });
  const kind = read.get("class");
  const certificate = kind === CKO.CERTIFICATE ? await certificateFacts(object, signal) : null;
  return {
    type: typeName(kind),
    key: KEYS.has(kind) ? keyName(await keyFacts(object, signal)) : certificate?.key ?? "",
    label: read.get("label") ?? "",
    id: read.get("id")?.toHex() ?? "",
    token,
    uri: await object.uri({ signal }),
    certificate,
  };
}

/** A class by the name that URIs have for it. */
function typeName(kind: ObjectClass | undefined): string {
  if (kind === undefined) return "";
  return Object.entries(objectClasses).find(([, number]) => number === kind)?.[0] ?? ckoName(kind);
}

function objectsText(rows: readonly ObjectRow[], { paint, surroundings }: CommandContext): string {
  if (rows.length === 0) return "";
  return tableText(paint, surroundings.output.columns, rows, [
    { title: "TYPE", value: ({ type }) => type },
    { title: "KEY", value: ({ key }) => key },
    { title: "LABEL", value: ({ label }) => label },
    { title: "ID", value: ({ id }) => id },
    { title: "SUBJECT", value: ({ certificate }) => certificate?.subject ?? "" },
    { title: "VALID UNTIL", value: ({ certificate }) => certificate === null ? "" : validityText(certificate) },
    { title: "URI", value: ({ uri }) => uri },
  ]);
}
