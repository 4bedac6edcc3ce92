import type { CommandContext } from "../contract/command.ts";
import { tableText } from "../terminal/table.ts";
import { isInitialised, tokensThere } from "../tokens/find_tokens.ts";
import { noteFailures, withModules } from "../tokens/modules.ts";

/** Lists the modules. */
export async function run(context: CommandContext): Promise<void> {
  const { paint, signal, surroundings } = context;
  await withModules(context, async (modules, failures) => {
    const rows = await Promise.all(modules.map(async (module) => {
      const { libraryDescription, libraryVersion, manufacturerId } = await module.info({ signal });
      return {
        name: module.name,
        path: module.path,
        description: libraryDescription,
        manufacturer: manufacturerId,
        version: `${libraryVersion.major}.${libraryVersion.minor}`,
        interface: module.interfaceVersion,
        managed: module.managed,
        tokens: (await tokensThere([module], null, signal)).found.filter(isInitialised).length,
      };
    }));
    await context.report({
      json: rows,
      text: tableText(paint, surroundings.output.columns, rows, [
        { title: "NAME", value: ({ name }) => name ?? "" },
        { title: "LIBRARY", value: ({ description }) => description },
        { title: "MAKER", value: ({ manufacturer }) => manufacturer },
        { title: "VERSION", value: ({ version }) => version },
        { title: "PKCS#11", value: (row) => row.interface },
        { title: "TOKENS", value: ({ tokens }) => String(tokens) },
        { title: "PATH", value: ({ path }) => path ?? "" },
      ]),
    });
    await noteFailures(context, failures);
  });
}
