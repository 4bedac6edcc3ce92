/** Whom a certificate or a request is to be about, as the command line says it. */
import { writeName } from "../../session/certificates/distinguished_name.ts";
import { makeExtensions } from "../../session/certificates/extensions.ts";
import type { CommandContext } from "../contract/command.ts";
import { UsageError } from "../terminal/errors.ts";

/** Names of a certificate. */
export interface CertificateNames {
  readonly subject: string;
  readonly subjectAltNames?: readonly string[];
}

/**
 * The names that `--subject` and `--san` give, checked before anybody is asked for a PIN.
 *
 * @throws {UsageError} When one is none.
 */
export function namesOf({ command, options }: CommandContext): CertificateNames {
  const subject = options.text("subject")!;
  const subjectAltNames = options.list("san").flatMap((text) => text.split(/,(?=(?:DNS|IP|email|URI):)/i));
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
