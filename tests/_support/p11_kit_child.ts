// Loads a configuration through libp11-kit, in a process of its own: what it reads is kept until the process ends.
// Argument: the folder of module files. Writes what it saw as JSON.
import process from "node:process";
import { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import { P11_KIT_MODULE, P11Kit } from "../../ffi/tables/p11_kit.ts";
import { p11KitPath } from "../../tools/native_libraries.ts";

const kit = P11Kit.open(p11KitPath()!);
kit.overrideSystemFiles(["/nowhere", "/nowhere", "/nowhere", process.argv[2]!, "/nowhere"]);
const first = kit.loadModules()!;
const second = kit.loadAndInitializeModules(P11_KIT_MODULE.TRUSTED)!;
const named = kit.moduleForName(first, "plain");
const seen = {
  names: first.map((list) => kit.moduleName(list)),
  flags: first.map((list) => kit.moduleFlags(list)),
  note: kit.configOption(named, "x-note"),
  missing: kit.configOption(named, "x-missing"),
  unnamed: kit.moduleForName(first, "nobody") === 0n,
  ownWrappers: second.every((list) => !first.includes(list)),
  initialized: second.map((list) => Cryptoki.fromFunctionList(list).call("C_Initialize", 0n)),
  initialize: [kit.initializeModule(named), kit.initializeModule(named)],
  finalize: [kit.finalizeModule(named), kit.finalizeModule(named)],
};
for (const list of [...first, ...second]) kit.releaseModule(list);
process.stdout.write(JSON.stringify(seen));
