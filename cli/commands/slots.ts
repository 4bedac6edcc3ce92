import { CKF } from "../../ffi/constants/mod.ts";
import { slotProblem } from "../../session/tokens/find_slot.ts";
import { Pkcs11Error } from "../../session/errors.ts";
import { withoutNuls } from "../../ffi/memory/structs.ts";
import type { Module } from "../../session/tokens/module.ts";
import type { CommandContext } from "../contract/command.ts";
import { tableText } from "../terminal/table.ts";
import { isInitialised, tokenUri } from "../tokens/find_tokens.ts";
import { tokenState } from "../tokens/flags.ts";
import { noteFailures, withModules } from "../tokens/modules.ts";

/** Lists the slots and the tokens in them. */
export async function run(context: CommandContext): Promise<void> {
  const { paint, surroundings } = context;
  await withModules(context, async (modules, failures) => {
    const rows = (await Promise.all(modules.map((module) => slotsOf(module, context)))).flat();
    await context.report({
      json: rows,
      text: tableText(paint, surroundings.output.columns, rows, [
        { title: "SLOT", value: ({ id }) => String(id) },
        { title: "TOKEN", value: tokenText },
        { title: "MAKER", value: ({ token }) => token?.manufacturer ?? "" },
        { title: "MODEL", value: ({ token }) => token?.model ?? "" },
        { title: "SERIAL", value: ({ token }) => token?.serialNumber ?? "" },
        { title: "STATE", value: ({ error, token }) => error ?? token?.state ?? "" },
        { title: "URI", value: ({ token }) => token?.uri ?? "" },
      ]),
    });
    await noteFailures(context, failures);
  });
}

async function slotsOf(module: Module, { signal }: CommandContext) {
  const rows = [];
  for (const slot of await module.slots({ signal })) {
    const info = await slot.info({ signal });
    const isPresent = (info.flags & CKF.TOKEN_PRESENT) !== 0;
    const told = isPresent ? await slot.tokenInfo({ signal }).catch(slotProblem) : null;
    const error = told instanceof Pkcs11Error ? told.ckr : null;
    const found = told === null || told instanceof Pkcs11Error ? null : { module, slot, slotInfo: info, token: told };
    rows.push({
      module: module.name ?? module.path,
      id: slot.id,
      description: info.slotDescription,
      error,
      token: found === null ? null : {
        label: withoutNuls(found.token.label),
        manufacturer: withoutNuls(found.token.manufacturerId),
        model: withoutNuls(found.token.model),
        serialNumber: withoutNuls(found.token.serialNumber),
        state: tokenState(found.token),
        loginRequired: (found.token.flags & CKF.LOGIN_REQUIRED) !== 0,
        flags: found.token.flags,
        uri: isInitialised(found) ? tokenUri(found) : null,
      },
    });
  }
  return rows;
}

function tokenText({ description, error, token }: Awaited<ReturnType<typeof slotsOf>>[number]): string {
  return token?.label ?? `(${error === null ? "none" : "unknown"}) ${description}`;
}
