// Small https requests of a session against those of the runtime's own fetch, over HTTP/1.1 and HTTP/2: nginx on loopback.
import { nginxPath, startNginx } from "../../tests/_support/nginx.ts";
import { makeCertificates } from "../../tests/_support/tls_certificates.ts";
import { say } from "../../tools/say.ts";
import { measureOnRuntimes } from "../on_runtimes.ts";
import { startDelays } from "./delay.ts";

/** Milliseconds that each direction takes longer. */
const DELAY = 10;

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
  // Two origins for each batch: a connection is new once.
  await using delays = await startDelays({ port: Number(new URL(newer.tlsOrigin).port), delay: DELAY, count: 24 });
  await measureOnRuntimes(new URL("https_far.ts", import.meta.url), {
    env: { AUTHORITY: ca.cert, PORTS: delays.ports.join(), DENO_CERT: ca.certFile, NODE_EXTRA_CA_CERTS: ca.certFile },
    rounds: 3,
    name: "https-far",
    unit: "ratio to the runtime's own fetch",
    plot: "bars",
    title: `100 small https requests at once over HTTP/2 and a way of ${2 * DELAY} ms there and back, limits as they ` +
      "are: a session's for each of the runtime's own fetch, medians; 0.83 is wanted",
    digits: 2,
  });
}
