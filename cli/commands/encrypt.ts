import type { CommandContext } from "../contract/command.ts";
import { cipherFile } from "../tokens/cipher_file.ts";
import { wishes, withObject } from "../tokens/find_object.ts";
import { publicHalf } from "../tokens/key_facts.ts";

/** Encrypts a file. */
export async function run(context: CommandContext): Promise<void> {
  await withObject(context, context.arguments[0]!, wishes.encrypt, async (object) => {
    await cipherFile(context, await publicHalf(object, context.signal), "encrypt");
  });
}
