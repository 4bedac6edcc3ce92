import { UriError } from "../../session/errors.ts";
import { Pkcs11Uri } from "../../session/uri/mod.ts";
import type { CommandContext } from "../contract/command.ts";
import { UsageError } from "../terminal/errors.ts";
import { listText } from "../terminal/table.ts";

/** Tells what a URI says. No PIN in it is shown. */
export async function run(context: CommandContext): Promise<void> {
  const { arguments: [text], paint, command } = context;
  const uri = parsed(text!, command.name);
  const parts = partsOf(uri);
  await context.report({
    json: { uri: uri.toString(), recognized: !uri.unrecognized, ...Object.fromEntries(parts) },
    text: listText([["URI", uri.toString()], ...parts], paint),
  });
  if (uri.unrecognized) await context.note("it has attributes that PKCS#11 URIs do not have, so it matches nothing");
}

function parsed(text: string, command: string): Pkcs11Uri {
  try {
    return Pkcs11Uri.parse(text);
  } catch (error) {
    if (error instanceof UriError) throw new UsageError(error.message, command);
    throw error;
  }
}

/** The parts by their names in URIs, those that are there. */
function partsOf(uri: Pkcs11Uri): (readonly [name: string, value: string])[] {
  const version = uri.libraryVersion;
  const parts: readonly (readonly [string, string | undefined])[] = [
    ["token", uri.token],
    ["manufacturer", uri.manufacturer],
    ["model", uri.model],
    ["serial", uri.serial],
    ["library-description", uri.libraryDescription],
    ["library-manufacturer", uri.libraryManufacturer],
    ["library-version", version && `${version.major}.${version.minor}`],
    ["slot-description", uri.slotDescription],
    ["slot-manufacturer", uri.slotManufacturer],
    ["slot-id", uri.slotId?.toString()],
    ["object", uri.object],
    ["type", uri.type],
    ["id", uri.id?.toHex()],
    ["pin-source", uri.pinSource],
    ["pin-value", uri.pinValue === undefined ? undefined : "(not shown)"],
    ["module-name", uri.moduleName],
    ["module-path", uri.modulePath],
    ...[...uri.vendorQuery].map(([name, values]) => [name, values.join(", ")] as const),
  ];
  return parts.filter((part): part is readonly [string, string] => part[1] !== undefined);
}
