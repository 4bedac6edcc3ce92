import type { CommandContext } from "../contract/command.ts";
import { cipherFile } from "../tokens/cipher_file.ts";
import { wishes, withObject } from "../tokens/find_object.ts";
import { publicHalf } from "../tokens/key_facts.ts";

/** Encrypts a file. */
export async function run(context: CommandContext): Promise<void> {
  await cipherFile(
    context,
    "encrypt",
    (cipher) =>
      withObject(context, context.arguments[0]!, wishes.encrypt, async (object, orLogIn) => {
        await cipher(await orLogIn(() => publicHalf(object, context.signal)), orLogIn);
      }),
  );
}
