// Says whether it has more rights than its caller, and which of its caller's modules it would load.
import process from "node:process";
import { isSecureExecution } from "../../ffi/backend.ts";
import { loadConfiguration } from "../../session/config/mod.ts";

const { modules } = loadConfiguration({ userModules: "~/.config/pkcs11/modules" });
process.stdout.write(JSON.stringify({ secure: isSecureExecution(), modules: [...modules.keys()] }));
