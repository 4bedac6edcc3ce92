import { objectTemplate } from "../../session/find_by_uri.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError, UsageError } from "../terminal/errors.ts";
import { confirmed } from "../tokens/confirmation.ts";
import { oneToken, uriArgument } from "../tokens/find_tokens.ts";
import { withSession } from "../tokens/login.ts";
import { withModules } from "../tokens/modules.ts";

/** Destroys the objects that a URI names, after a yes. */
export async function run(context: CommandContext): Promise<void> {
  const { arguments: [text], signal, command } = context;
  const uri = uriArgument(text!, command.name);
  if (uri.object === undefined && uri.id === undefined) {
    throw new UsageError(
      "Cannot delete every object of a token: name one by object=… or id=… in the URI",
      command.name,
    );
  }
  await withModules(context, async (modules) => {
    const found = await oneToken(modules, uri, context);
    await withSession(context, uri, found, { login: true, readWrite: true }, async (session) => {
      const objects = await session.findObjects(objectTemplate(uri), { signal });
      if (objects.length === 0) {
        throw new CommandError(
          `Cannot delete: the token has no object that matches ${uri}`,
          "gp11 objects lists them.",
        );
      }
      const uris = await Promise.all(objects.map((object) => object.uri({ signal })));
      const what = uris.length === 1 ? "this object" : `these ${uris.length} objects`;
      const list = uris.map((each) => `  ${each}`).join("\n");
      await confirmed(context, {
        action: `delete ${what}`,
        question: `${list}\nDelete ${what} for ever?`,
        unasked: `give --yes\n${list}`,
      });
      await destroyed(objects, signal);
      await context.report({ json: uris, text: uris.map((each) => `deleted ${each}\n`).join("") });
    });
  });
}

async function destroyed(objects: readonly Pkcs11Object[], signal: AbortSignal): Promise<void> {
  for (const object of objects) await object.destroy({ signal });
}
