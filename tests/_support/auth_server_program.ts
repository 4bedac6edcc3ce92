/** A process with one server per authentication scheme, for tests that block their own. Prints the origins as JSON. */
import process from "node:process";
import { authProxy } from "./auth_proxy.ts";
import { basic, digestServer, guardedServer } from "./auth_servers.ts";
import { ntlmServer } from "./ntlm_server.ts";

const servers = {
  basic: await guardedServer((authorization) => authorization === basic("alice", "secret"), ['Basic realm="r"']),
  digest: await digestServer({ algorithm: "SHA-256", proof: "right" }),
  integrity: await digestServer({ algorithm: "SHA-512-256-sess", qop: "auth-int", proof: "body" }),
  forged: await digestServer({ algorithm: "SHA-256", qop: "auth-int", proof: "wrong-body" }),
  proxy: await authProxy((field) => field === basic("alice", "secret") || ['Basic realm="proxy"']),
  ntlm: await ntlmServer(),
  bearer: await guardedServer((authorization) => authorization === "Bearer t1", ['Bearer realm="api"']),
  negotiate: await guardedServer((authorization) => authorization === "Negotiate dGlja2V0", ["Negotiate"]),
};

const origins = Object.fromEntries(Object.entries(servers).map(([name, { origin }]) => [name, origin]));
process.stdout.write(`${JSON.stringify(origins)}\n`);
