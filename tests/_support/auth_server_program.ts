/**
 * A process with one server per authentication scheme, for tests that block their own. Prints the origins as JSON, and
 * as "ca" the authority of the TLS server.
 */
import process from "node:process";
import { authProxy } from "./auth_proxy.ts";
import { basic, DigestGuard, digestServer, guardedServer } from "./auth_servers.ts";
import { NtlmGuard, ntlmServer } from "./ntlm_server.ts";
import { reply, socketServer } from "./socket_server.ts";
import { makeCertificates } from "./tls_certificates.ts";

const certificates = await makeCertificates();
await certificates.remove();
const { cert, key } = certificates.good;
const digest = new DigestGuard({ algorithm: "SHA-256" });
const ntlm = new NtlmGuard();

const servers = {
  basic: await guardedServer((authorization) => authorization === basic("alice", "secret"), ['Basic realm="r"']),
  digest: await digestServer({ algorithm: "SHA-256", proof: "right" }),
  integrity: await digestServer({ algorithm: "SHA-512-256-sess", qop: "auth-int", proof: "body" }),
  forged: await digestServer({ algorithm: "SHA-256", qop: "auth-int", proof: "wrong-body" }),
  ntlm: await ntlmServer(),
  bearer: await guardedServer((authorization) => authorization === "Bearer t1", ['Bearer realm="api"']),
  negotiate: await guardedServer((authorization) => authorization === "Negotiate dGlja2V0", ["Negotiate"]),
  secure: await socketServer(
    ({ headers }, socket) =>
      socket.write(reply("200 OK", headers.has("proxy-authorization") ? "I see the proxy's password" : "hello")),
    {
      tls: { cert, key },
    },
  ),
  basicProxy: await authProxy((field) => field === basic("alice", "secret") || ['Basic realm="proxy"']),
  digestProxy: await authProxy((field, { body, method, target }) =>
    digest.check(field, method, target, body) !== false || digest.challenges()
  ),
  ntlmProxy: await authProxy((field, _, socket) => {
    const verdict = ntlm.check(socket, field);
    return verdict === true || [verdict];
  }),
};

const origins: Record<string, string> = { ca: certificates.ca.cert };
for (const [name, { origin }] of Object.entries(servers)) origins[name] = origin;
process.stdout.write(`${JSON.stringify(origins)}\n`);
