import type { CommandContext } from "../contract/command.ts";
import { cipherFile } from "../tokens/cipher_file.ts";
import { wishes, withObject } from "../tokens/find_object.ts";

/** Decrypts a file. */
export async function run(context: CommandContext): Promise<void> {
  await cipherFile(
    context,
    "decrypt",
    (cipher) => withObject(context, context.arguments[0]!, wishes.decrypt, cipher),
  );
}
