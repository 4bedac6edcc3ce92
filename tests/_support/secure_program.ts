// Says whether it has more rights than its caller, and what it would believe of its caller's files and environment.
import { createConnection } from "node:net";
import process from "node:process";
import { isSecureExecution } from "../../ffi/runtime/runtime.ts";
import { systemAcceptLanguage } from "../../http/queue/language.ts";
import { ProxyResolver } from "../../http/features/proxies/proxy_resolver.ts";
import { loadConfiguration } from "../../session/config/mod.ts";
import { bridgeCommand } from "../../session/managed/bridge.ts";

const { modules } = loadConfiguration({ userModules: "~/.config/pkcs11/modules" });
const proxies = await ProxyResolver.fromEnvironment().resolve(new URL("http://a.example/"));

/** What a remote module's command is, by its first words: a program found where the environment says, or the system's. */
const bridge = await bridgeCommand(["printenv"]);
const address = bridge.address.replace("unix:path=", "");
const said = await new Promise<string>((resolve, reject) => {
  let text = "";
  createConnection(address).setEncoding("utf8").on("data", (data) => text += data).on("end", () => resolve(text))
    .on("error", reject);
});
bridge.close();
process.stdout.write(JSON.stringify({
  secure: isSecureExecution(),
  modules: [...modules.keys()],
  proxies: proxies?.map((proxy) => proxy?.uri.hostname ?? "direct"),
  language: systemAcceptLanguage(),
  socketFolder: address.startsWith("/tmp/gp11-remote-") ? "the system's" : "the caller's",
  command: said.includes("evil") ? "the caller's" : "the system's",
}));
process.exit(0);
