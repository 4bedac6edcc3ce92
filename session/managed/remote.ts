import { openBackend } from "./open_backend.ts";
import { ModuleLoadError } from "../errors.ts";
import type { ModuleBackend } from "./module_backend.ts";
import type { ConfiguredModule, ModuleOptions } from "./options.ts";
import { bridgeCommand, splitCommand } from "./bridge.ts";
import { clientModulePath } from "./library.ts";

/**
 * The backend of a module that runs elsewhere, by its `remote` setting: `|command arguments`, `unix:path=/…` or
 * `vsock:cid=…;port=…`. p11-kit's client module reaches it.
 *
 * @throws {ModuleLoadError} when the setting is none of these, or p11-kit's client module is not installed
 */
export async function remoteBackend(
  remote: string,
  options: ModuleOptions,
  configured: ConfiguredModule,
): Promise<ModuleBackend> {
  const client = clientModulePath();
  if (/^(unix:path=|vsock:)/.test(remote)) {
    return openBackend(client, options, { ...configured, remote: true, serverAddress: remote });
  }
  if (!remote.startsWith("|")) {
    throw new ModuleLoadError(remote, "a remote module is |command, unix:path=… or vsock:cid=…;port=…");
  }
  const command = splitCommand(remote.slice(1));
  if (command.length === 0) throw new ModuleLoadError(remote, "there is no command behind the |");
  const bridge = await bridgeCommand(command);
  const reached = { ...configured, remote: true, serverAddress: bridge.address, released: bridge.close };
  try {
    return openBackend(client, options, reached);
  } catch (error) {
    bridge.close();
    throw error;
  }
}
