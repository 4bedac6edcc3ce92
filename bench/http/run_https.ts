// Https requests of a session against those of the runtime's own fetch, small ones and large bodies, over HTTP/1.1 and
// HTTP/2: nginx on loopback.
import { nginxPath, startNginx } from "../../tests/_support/nginx.ts";
import { makeCertificates } from "../../tests/_support/tls_certificates.ts";
import { say } from "../../tools/say.ts";
import { measureOnRuntimes, type RuntimesOptions } from "../on_runtimes.ts";
import { startDelays } from "./delay.ts";

/** What is read whole before it is answered with its length: an answer in front of that would end an upload early. */
const UPLOAD = `
    location = /length { default_type text/plain; return 200 "$http_x_length"; }
    location = /upload {
      client_body_buffer_size 101m;
      proxy_pass https://127.0.0.1:$server_port/length;
      proxy_method GET;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Length $request_length;
    }`;

/** Milliseconds that each direction takes longer. */
const DELAY = 10;

/** What the programs of this page are run with: two servers, and whom to trust. */
type Surroundings = Readonly<Record<"AUTHORITY" | "HTTP1" | "HTTP2" | "DENO_CERT" | "NODE_EXTRA_CA_CERTS", string>>;

/** Measures with nginx that speaks HTTP/2, and another that does not. */
async function withServers(measure: (env: Surroundings) => Promise<void>): Promise<void> {
  if (nginxPath === null) return say("https is left out: nginx is not installed");
  await using certificates = await makeCertificates();
  const { ca, good: certificate } = certificates;
  // A fetch that speaks HTTP/1.1 has a hundred connections to each of many origins.
  const nginx = { certificate, server: UPLOAD, files: { large: new Uint8Array(100 << 20) }, connections: 8192 };
  await using older = await startNginx(nginx);
  await using newer = await startNginx({ ...nginx, http2: true });
  await measure({
    ...{ AUTHORITY: ca.cert, HTTP1: older.tlsOrigin, HTTP2: newer.tlsOrigin },
    // The runtimes' own fetch trusts it by these.
    ...{ DENO_CERT: ca.certFile, NODE_EXTRA_CA_CERTS: ca.certFile },
  });
}

/** What the tables differ in. */
type Shown = Pick<RuntimesOptions, "env" | "name" | "plot" | "rounds" | "title"> & { readonly unit?: string };

/** Compares what a program measures with the runtime's own fetch. */
async function compare(program: string, shown: Shown): Promise<void> {
  await measureOnRuntimes(new URL(program, import.meta.url), {
    unit: "ratio to the runtime's own fetch",
    digits: 2,
    ...shown,
  });
}

/** Measures small requests and prints the table. */
export async function benchHttps(): Promise<void> {
  await withServers((env) =>
    compare("https.ts", {
      env,
      // A process takes minutes to settle, and many turns then.
      rounds: 1,
      name: "https",
      plot: "bars",
      title: "Small https requests: a session's for each of the runtime's own fetch, medians; 1.0 is wanted",
    })
  );
}

/** Measures large bodies and prints the table. */
export async function benchHttpsLarge(): Promise<void> {
  await withServers((env) =>
    compare("https_large.ts", {
      env,
      rounds: 3,
      name: "https-large",
      unit: "ratio to the runtime's own fetch, or MiB",
      title:
        "Bodies of 100 MiB over https, streamed: a session's for each of the runtime's own fetch, medians; 0.95 is " +
        "wanted",
    })
  );
}

/** Measures requests to a server far away and prints the table. */
export async function benchHttpsFar(): Promise<void> {
  await withServers(async (env) => {
    // Two origins for each batch: a connection is new once.
    await using delays = await startDelays({ port: Number(new URL(env.HTTP2).port), delay: DELAY, count: 24 });
    await compare("https_far.ts", {
      env: { ...env, PORTS: delays.ports.join() },
      rounds: 3,
      name: "https-far",
      plot: "bars",
      title: `100 small https requests at once over HTTP/2 and a way of ${2 * DELAY} ms there and back, limits as ` +
        "they are: a session's for each of the runtime's own fetch, medians; 0.83 is wanted",
    });
  });
}
