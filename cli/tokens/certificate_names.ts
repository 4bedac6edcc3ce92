/** Whom a certificate or a request is to be about, as the command line says it. */
import { isIP } from "node:net";
import { writeName } from "../../session/certificates/distinguished_name.ts";
import { makeExtensions } from "../../session/certificates/extensions.ts";
import type { CommandContext } from "../contract/command.ts";
import { UsageError } from "../terminal/errors.ts";

/** Names of a certificate. */
export interface CertificateNames {
  readonly subject: string;
  readonly subjectAltNames?: readonly string[];
}

/** Kinds of names, as OpenSSL writes them, and what a name of the kind looks like. */
const KINDS: Readonly<Record<string, (name: string) => boolean>> = {
  DNS: (name) => !/[@:]/.test(name) && isIP(name) === 0,
  IP: (name) => isIP(name) !== 0,
  EMAIL: (name) => name.includes("@"),
  URI: (name) => name.includes(":"),
};

const KIND = /^(DNS|IP|email|URI):/i;

/**
 * The names that `--subject` and `--san` give, checked before anybody is asked for a PIN.
 *
 * @throws {UsageError} When one is none.
 */
export function namesOf({ command, options }: CommandContext): CertificateNames {
  const subject = options.text("subject")!;
  const subjectAltNames = options.list("san").flatMap((text) => text.split(/,(?=(?:DNS|IP|email|URI):)/i))
    .map((text) => alternative(text, command.name));
  const names = { subject, ...subjectAltNames.length === 0 ? {} : { subjectAltNames } };
  try {
    writeName(subject);
    makeExtensions(names);
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message, command.name);
    throw error;
  }
  return names;
}

/** A name, alone or with its kind before it, as in `DNS:example.org`. */
function alternative(text: string, command: string): string {
  const [prefix, kind] = KIND.exec(text) ?? [];
  if (kind === undefined) return text;
  const name = text.slice(prefix!.length);
  if (KINDS[kind.toUpperCase()]!(name)) return name;
  throw new UsageError(`Cannot use --san ${JSON.stringify(text)}: ${JSON.stringify(name)} is no ${kind} name`, command);
}
