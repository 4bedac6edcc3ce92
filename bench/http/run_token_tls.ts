// What a client key in a token costs HTTPS on each runtime, against the same key in a file: nginx on loopback, SoftHSM2.
import { readFileSync } from "node:fs";
import { startNginx } from "../../tests/_support/nginx.ts";
import { softhsmModule } from "../../tests/_support/softhsm.ts";
import { tokenClients, tokenTlsSkip } from "../../tests/_support/token_clients.ts";
import { WaitingModule } from "../../tests/_support/waiting_module.ts";
import { say } from "../../tools/say.ts";
import { measureOnRuntimes } from "../on_runtimes.ts";

/** Runs the benchmark and prints its table. */
export async function benchTokenTls(): Promise<void> {
  if (tokenTlsSkip !== false) return say(`TLS with a key in a token is left out: ${tokenTlsSkip}`);
  const slow = new WaitingModule(softhsmModule()!);
  await using clients = await tokenClients(slow.path);
  const { certificates: { ca, good }, ec, token } = clients;
  await using nginx = await startNginx({
    ...{ certificate: good, clientAuthority: ca.certFile },
    server: "ssl_protocols TLSv1.3; ssl_session_cache off; ssl_session_tickets off;",
    files: { body: new Uint8Array(100 << 20) },
  });
  // As servers are by themselves: with keys of tokens sessions are taken up again, with keys in files they are not.
  await using resuming = await startNginx({ certificate: good, clientAuthority: ca.certFile });
  await measureOnRuntimes(new URL("token_tls.ts", import.meta.url), {
    env: {
      ...{ AUTHORITY: ca.cert, CERTIFICATE: ec.pem, KEY: readFileSync(ec.keyFile, "utf8"), KEY_URI: ec.keyUri },
      ...{ MODULE: token.module, PIN: token.userPin, RESUMING: resuming.tlsOrigin, URL: nginx.tlsOrigin },
    },
    rounds: 3,
    name: "token-tls",
    unit: "as each row says",
    title: "TLS with a client key in a token: medians of the rounds; wanted are 0.85, 1 ms more, a stall below 10 ms",
    digits: 2,
  });
}
