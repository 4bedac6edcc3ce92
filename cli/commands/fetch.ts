import { ProxyResolver } from "../../http/features/proxies/proxy_resolver.ts";
import { MessageSignatures } from "../../http/features/signatures/message_signatures.ts";
import { HttpStatus } from "../../http/protocol/status.ts";
import { HttpSession } from "../../http/session/session.ts";
import { withoutRequest } from "../../http/message/http_error.ts";
import { HttpError } from "../../http/message/http_error.ts";
import { TO_TRUST } from "../../http/transports/failure_words.ts";
import { TlsDatabase } from "../../http/transports/tls_database.ts";
import { tokenSigner } from "../../session/signer/token_signer.ts";
import { tokenCertificate } from "../../session/tls/mod.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError, UsageError } from "../terminal/errors.ts";
import { openSink, openSource, readWhole, STANDARD } from "../terminal/files.ts";
import { Progress } from "../terminal/progress.ts";
import type { CliSurroundings } from "../terminal/surroundings.ts";
import { wishes, withObject } from "../tokens/find_object.ts";

/** Sends a request, with a signature or a client certificate of a token where one is named. */
export async function run(context: CommandContext): Promise<void> {
  const url = urlOf(context);
  const { options } = context;
  const tlsDatabase = trusted(options.text("cacert"));
  const session = new HttpSession({ features: [ProxyResolver.fromEnvironment()], tlsDatabase });
  try {
    await withSigner(
      context,
      session,
      options.text("sign"),
      () =>
        withClientKey(context, session, options.text("client-key"), () => explained(() => send(context, session, url))),
    );
  } finally {
    await session.close();
  }
}

/** The authorities that are trusted: those of a file, or the session's own. */
function trusted(file: string | undefined): TlsDatabase | undefined {
  if (file === undefined) return undefined;
  try {
    return TlsDatabase.fromFile(file);
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error), undefined, { cause: error });
  }
}

function urlOf({ arguments: [text], command }: CommandContext): URL {
  const url = URL.canParse(text!) ? new URL(text!) : null;
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new UsageError(
    `Cannot fetch ${JSON.stringify(text)}: expected a URL that begins with http: or https:`,
    command.name,
  );
}

/** Lets requests be signed with a key (RFC 9421) while something is done. */
async function withSigner(
  context: CommandContext,
  session: HttpSession,
  uri: string | undefined,
  body: () => Promise<void>,
): Promise<void> {
  if (uri === undefined) return await body();
  await withObject(context, uri, wishes.sign, async (key) => {
    const signer = await tokenSigner(key, { algorithm: context.options.text("algorithm"), signal: context.signal });
    session.addFeature(new MessageSignatures({ signer, tag: context.options.text("tag") }));
    await body();
  });
}

/** Lets connections be made with a key and its certificate while something is done. */
async function withClientKey(
  context: CommandContext,
  session: HttpSession,
  uri: string | undefined,
  body: () => Promise<void>,
): Promise<void> {
  if (uri === undefined) return await body();
  const { signal } = context;
  await withObject(context, uri, wishes.sign, async (key) => {
    const certificate = await key.certificate({ signal });
    if (certificate === null) {
      throw new CommandError(
        "Cannot use the client key: the token has no certificate with the same id and key",
        "gp11 import brings one in.",
      );
    }
    const clientTls = await tokenCertificate({ certificate, key, signal });
    try {
      session.clientCertificate = clientTls;
      await body();
    } finally {
      await clientTls.close();
    }
  });
}

async function send(context: CommandContext, session: HttpSession, url: URL): Promise<void> {
  const { options, signal, surroundings } = context;
  const body = options.text("in");
  const content = body === undefined ? null : await readWhole(await openSource(body, surroundings));
  const method = options.text("method") ?? (content === null ? "GET" : "POST");
  const response = await session.fetch(url, { method, headers: headersOf(context), body: content, signal });
  const file = options.text("out") ?? STANDARD;
  if (file !== STANDARD || !options.has("json")) await receive(response, file, surroundings);
  if (options.has("json")) await reportResponse(context, response, file);
  assertGood(response);
}

/** Writes the body as it arrives. */
async function receive(response: Response, file: string, surroundings: CliSurroundings): Promise<void> {
  const sink = await openSink(file, surroundings);
  const progress = new Progress(surroundings, "Receiving", Number(response.headers.get("content-length")) || undefined);
  try {
    for await (const piece of response.body ?? []) {
      await sink.write(piece);
      await progress.advance(piece.length);
    }
    await progress.end();
    await sink.commit();
  } finally {
    await progress.end();
    await sink.discard();
  }
}

/** The response as JSON; its body is in a file, or with it. */
async function reportResponse(context: CommandContext, response: Response, file: string): Promise<void> {
  const { headers, status, statusText, url } = response;
  const body = file === STANDARD ? contentOf(await response.bytes()) : { file };
  await context.report({ json: { url, status, statusText, headers: Object.fromEntries(headers), ...body }, text: "" });
}

/** A body for JSON: text where it is some, else bytes under another name, as neither can be told from the other. */
function contentOf(bytes: Uint8Array): { body: string } | { bodyBytes: Uint8Array } {
  try {
    return { body: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { bodyBytes: bytes }; // The decoder's way to say that these bytes are no text.
  }
}

function assertGood({ status, statusText, url }: Response): void {
  if (status < 400) return;
  throw new CommandError(`Cannot be content with ${url}: the server answered ${status} ${statusText}`.trimEnd());
}

/** A failure of the network is no fault of the program: its message is enough. */
async function explained(body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    const why = withoutRequest(error.message).replace(TO_TRUST, "");
    const text = why.startsWith("Cannot ") ? why : `Cannot fetch from ${error.msg.uri.origin}: ${why}`;
    const isUntrusted = error.status === HttpStatus.SSL_FAILED;
    throw new CommandError(text, isUntrusted ? "--cacert FILE names the authorities to trust." : undefined, {
      cause: error,
    });
  }
}

function headersOf({ options, command }: CommandContext): [string, string][] {
  return options.list("header").map((line) => {
    const at = line.indexOf(":");
    if (at > 0) return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    throw new UsageError(`Cannot use the header ${JSON.stringify(line)}: expected "Name: value"`, command.name);
  });
}
