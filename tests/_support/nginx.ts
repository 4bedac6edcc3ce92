// A private nginx from the Debian package: foreground, one worker, a free port, a directory of its own.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, spawnServer, stopServer, untilListening } from "./server_programs.ts";
import type { TestCertificate } from "./tls_certificates.ts";

/** Where Debian puts nginx, or null. */
export const nginxPath: string | null = existsSync("/usr/sbin/nginx") ? "/usr/sbin/nginx" : null;

/** Options of {@linkcode startNginx}. */
export interface NginxOptions {
  /** Also listens with TLS, with this certificate. */
  certificate?: TestCertificate;
  /** Speaks HTTP/2 where TLS is spoken. */
  http2?: boolean;
  /** Demands a client certificate signed by the authority in this file. */
  clientAuthority?: string;
  /** Connections at once, of clients and of what it asks itself. @default {512} */
  connections?: number;
  /** More directives for the server block. */
  server?: string;
  /** Files below the document root, by name. */
  files?: Record<string, string | Uint8Array>;
}

/** A running nginx. */
export interface Nginx extends AsyncDisposable {
  origin: string;
  /** The origin with TLS; empty without a certificate. */
  tlsOrigin: string;
  root: string;
  /** The error log, for a test that fails. */
  errors(): Promise<string>;
}

/** Starts nginx; `/` serves the document root, `/echo` says what it received, `/status/NNN` answers with that status. */
export async function startNginx(options: NginxOptions = {}): Promise<Nginx> {
  if (nginxPath === null) throw new Error("Cannot start nginx: it is not installed");
  const directory = await mkdtemp(join(tmpdir(), "gp11-nginx-"));
  const root = join(directory, "root");
  await mkdir(root);
  for (const [name, content] of Object.entries(options.files ?? {})) await writeFile(join(root, name), content);
  const port = await freePort();
  const tlsPort = options.certificate === undefined ? 0 : await freePort();
  await writeFile(join(directory, "nginx.conf"), configuration(directory, port, tlsPort, options));
  const paths = ["-p", directory, "-c", join(directory, "nginx.conf"), "-e", join(directory, "error.log")];
  const child = spawnServer(nginxPath, paths);
  const stop = async () => {
    await stopServer(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await untilListening(port, child);
    if (tlsPort !== 0) await untilListening(tlsPort, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    origin: `http://127.0.0.1:${port}`,
    tlsOrigin: tlsPort === 0 ? "" : `https://127.0.0.1:${tlsPort}`,
    root,
    errors: () => readFile(join(directory, "error.log"), "utf8"),
    [Symbol.asyncDispose]: stop,
  };
}

function configuration(directory: string, port: number, tlsPort: number, options: NginxOptions): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${join(directory, name)};`).join("\n  ");
  const tls = options.certificate === undefined ? "" : `
    listen 127.0.0.1:${tlsPort} ssl${options.http2 === true ? " http2" : ""};
    ssl_certificate ${options.certificate.certFile};
    ssl_certificate_key ${options.certificate.keyFile};
    ${
    options.clientAuthority === undefined
      ? ""
      : `ssl_client_certificate ${options.clientAuthority}; ssl_verify_client on;`
  }`;
  return `daemon off;
master_process off;
pid ${join(directory, "pid")};
error_log ${join(directory, "error.log")} warn;
events { worker_connections ${options.connections ?? 512}; }
http {
  access_log off;
  ${temporary}
  client_max_body_size 0;
  server {
    listen 127.0.0.1:${port} backlog=511;${tls}
    root ${join(directory, "root")};
    location = /echo { default_type text/plain; return 200 "$request_method $request_uri $http_x_echo $ssl_client_s_dn $connection"; }
    location ~ ^/status/(204)$ { return 204; }
    location = /status/404 { return 404 "missing"; }
    location = /status/500 { return 500 "broken"; }
    location = /redirect/self { return 302 /redirect/self; }
    location = /redirect/echo { return 302 /echo; }
    location = /small { default_type text/plain; return 200 "a small response body"; }
    ${options.server?.includes("keepalive_requests") ? "" : "keepalive_requests 1000000;"}
    ${options.server ?? ""}
  }
}
`;
}
