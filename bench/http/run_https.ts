// Small https requests of a session against those of the runtime's own fetch, over HTTP/1.1 and HTTP/2: nginx on loopback.
import { nginxPath, startNginx } from "../../tests/_support/nginx.ts";
import { makeCertificates } from "../../tests/_support/tls_certificates.ts";
import { say } from "../../tools/say.ts";
import { measureOnRuntimes } from "../on_runtimes.ts";

/** Runs the benchmark and prints its table. */
export async function benchHttps(): Promise<void> {
  if (nginxPath === null) return say("https is left out: nginx is not installed");
  await using certificates = await makeCertificates();
  const { ca, good: certificate } = certificates;
  const server = "keepalive_requests 1000000;";
  await using older = await startNginx({ certificate, server });
  await using newer = await startNginx({ certificate, server, http2: true });
  await measureOnRuntimes(new URL("https.ts", import.meta.url), {
    env: {
      ...{ AUTHORITY: ca.cert, HTTP1: older.tlsOrigin, HTTP2: newer.tlsOrigin },
      // The runtimes' own fetch trusts it by these.
      ...{ DENO_CERT: ca.certFile, NODE_EXTRA_CA_CERTS: ca.certFile },
    },
    rounds: 3,
    name: "https",
    unit: "ratio to the runtime's own fetch",
    plot: "bars",
    title: "Small https requests: a session's for each of the runtime's own fetch, medians; 1.0 is wanted",
    digits: 2,
  });
}
