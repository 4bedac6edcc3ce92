// A private Apache httpd with Basic and Digest authentication, of the Debian package apache2: a foreground child with its files in a temporary folder.
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { freePort, untilListening } from "./server_programs.ts";
import type { TestCertificate } from "./tls_certificates.ts";

const program = "/usr/sbin/apache2";
const modules = "/usr/lib/apache2/modules";

/** For `it(name, { skip: apacheSkip }, …)`: why there is no Apache, else false. */
export const apacheSkip: string | false =
  existsSync(program) && ["auth_digest", "http2", "ssl"].every((name) => existsSync(`${modules}/mod_${name}.so`))
    ? false
    : "Apache httpd with mod_auth_digest, mod_http2 and mod_ssl is not installed";

/** The realm of both folders. */
export const apacheRealm = "gp11 test";

/** A running Apache: /basic/, /digest/ and /open/ each hold page.txt; those below want the user's password. */
export interface Apache extends AsyncDisposable {
  /** "http://127.0.0.1:port". */
  origin: string;
  /** "https://localhost:port", where a certificate was given: HTTP/2 or HTTP/1.1 by ALPN. */
  tlsOrigin: string;
  /** Lines of the access log for a path, "method path status user", once there are any: Apache writes after it answers. */
  log(path: string): Promise<string[]>;
  /** Begins to take leave of its connections and to make new ones with other processes. */
  restart(): void;
  close(): Promise<void>;
}

/** Starts Apache with one user; with a certificate it speaks TLS, too. */
export async function startApache(user: string, password: string, certificate?: TestCertificate): Promise<Apache> {
  const folder = await mkdtemp(join(tmpdir(), "gp11-apache-"));
  await chmod(folder, 0o755); // Apache's workers are another user when the tests run as root.
  for (const name of ["basic", "digest", "open"]) {
    await mkdir(join(folder, "www", name, "below"), { recursive: true });
    await writeFile(join(folder, "www", name, "page.txt"), `the ${name} page`);
    await writeFile(join(folder, "www", name, "below", "page.txt"), `below ${name}`);
  }
  const sha1 = createHash("sha1").update(password).digest("base64");
  const ha1 = createHash("md5").update(`${user}:${apacheRealm}:${password}`).digest("hex");
  await writeFile(join(folder, "htpasswd"), `${user}:{SHA}${sha1}\n`);
  await writeFile(join(folder, "htdigest"), `${user}:${apacheRealm}:${ha1}\n`);
  // Apache cannot tell which port it got, so it is given one that was free a moment ago; another try if it was taken.
  for (let attempt = 1;; attempt++) {
    const port = await freePort();
    const tls = certificate === undefined ? null : { certificate, port: await freePort() };
    await writeFile(
      join(folder, "httpd.conf"),
      configuration(folder, port) + (tls === null ? "" : tlsConfiguration(tls)),
    );
    const child = spawn(program, ["-d", folder, "-f", join(folder, "httpd.conf"), "-D", "FOREGROUND"], {
      stdio: "pipe",
    });
    try {
      for (const each of tls === null ? [port] : [port, tls.port]) await untilListening(each, child);
      return running(child, folder, {
        origin: `http://127.0.0.1:${port}`,
        tlsOrigin: `https://localhost:${tls?.port}`,
      });
    } catch (error) {
      child.kill("SIGKILL");
      if (attempt < 3) continue;
      const why = readFileSync(join(folder, "error.log"), "utf8");
      await rm(folder, { recursive: true, force: true });
      throw new Error(`Cannot start Apache: ${why}`, { cause: error });
    }
  }
}

function configuration(folder: string, port: number): string {
  const names = [
    "mpm_event",
    "authn_core",
    "authn_file",
    "authz_core",
    "authz_user",
    "auth_basic",
    "auth_digest",
    "mime",
  ];
  const unix = userInfo().uid === 0 ? "User www-data\nGroup www-data\n" : "";
  return `${names.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join("\n")}
${unix}ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${folder}/httpd.pid
DefaultRuntimeDir ${folder}
Mutex pthread
ErrorLog ${folder}/error.log
LogFormat "%m %U %>s %u" short
CustomLog ${folder}/access.log short
DocumentRoot ${folder}/www
TypesConfig /dev/null
StartServers 1
ThreadsPerChild 8
MinSpareThreads 1
MaxSpareThreads 16
MaxRequestWorkers 16
<Directory ${folder}/www>
  AllowOverride None
  Require all granted
</Directory>
<Location /basic>
  AuthType Basic
  AuthName "${apacheRealm}"
  AuthUserFile ${folder}/htpasswd
  Require valid-user
</Location>
<Location /digest>
  AuthType Digest
  AuthName "${apacheRealm}"
  AuthUserFile ${folder}/htdigest
  AuthDigestQop auth
  Require valid-user
</Location>
`;
}

function tlsConfiguration({ certificate, port }: { certificate: TestCertificate; port: number }): string {
  return `${["ssl", "http2"].map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join("\n")}
Listen 127.0.0.1:${port}
Protocols h2 http/1.1
H2MaxSessionStreams 8
<VirtualHost *:${port}>
  SSLEngine on
  SSLCertificateFile ${certificate.certFile}
  SSLCertificateKeyFile ${certificate.keyFile}
</VirtualHost>
`;
}

function running(child: ChildProcess, folder: string, origins: Pick<Apache, "origin" | "tlsOrigin">): Apache {
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      const forced = setTimeout(() => child.kill("SIGKILL"), 3000);
      await exited;
      clearTimeout(forced);
    }
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
    await rm(folder, { recursive: true, force: true });
  };
  return {
    ...origins,
    // Deno takes a child for ended that was sent a signal by child.kill(), and close() would leave it running.
    restart: () => void process.kill(child.pid!, "SIGUSR1"),
    async log(path) {
      for (let attempt = 0; attempt < 3000; attempt++) {
        const lines = readFileSync(join(folder, "access.log"), "utf8").split("\n");
        const wanted = lines.filter((line) => line.split(" ")[1] === path);
        if (wanted.length > 0) return wanted;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return [];
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
