import type { Pkcs11Object } from "../../session/tokens/object.ts";

/**
 * Does what is left to do once things have been made on a token. When that fails they go again: a command that has failed
 * leaves nothing of its own behind.
 *
 * @param made What has been made; `rest` may add to it.
 */
export async function allOrNothing<T>(made: readonly Pkcs11Object[], rest: () => Promise<T>): Promise<T> {
  try {
    return await rest();
  } catch (error) {
    await Promise.allSettled(made.map((object) => object.destroy()));
    throw error;
  }
}
