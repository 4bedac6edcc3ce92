/** A part of the demo: TLS with a client key that stays in the token, to nginx, which says whom it has seen. */
import {
  CKM,
  createCertificateRequest,
  createSelfSignedCertificate,
  HttpSession,
  issueCertificate,
  NotSupportedError,
  type Pkcs11KeyPair,
  type Session,
  TlsDatabase,
  tokenCertificate,
} from "@gp11/gp11";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";

const NGINX = ["/usr/sbin/nginx", "/opt/homebrew/bin/nginx", "/usr/local/bin/nginx"];
const HANDSHAKES = 20;

/** What {@linkcode showTls} found. */
export interface ShownTls {
  /** Lines to print: a name and a value. */
  readonly lines: readonly (readonly [name: string, value: string])[];
  /** Whether the server has seen what it should; null where nothing could be shown. */
  readonly right: boolean | null;
}

/** Shows it, or says why it cannot. */
export async function showTls(session: Session): Promise<ShownTls> {
  const nginx = NGINX.find((path) => existsSync(path));
  if (nginx === undefined) return { lines: [["not shown", "nginx is not installed"]], right: null };
  const keys: Pkcs11KeyPair[] = [];
  const folder = await mkdtemp(`${tmpdir()}/gp11-demo-`);
  try {
    return await withCertificates(session, keys, folder, nginx);
  } catch (error) {
    if (error instanceof NotSupportedError) return { lines: [["not shown", error.reason]], right: null };
    throw error;
  } finally {
    for (const { privateKey, publicKey } of keys) for (const half of [privateKey, publicKey]) await half.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}

async function withCertificates(
  session: Session,
  keys: Pkcs11KeyPair[],
  folder: string,
  nginx: string,
): Promise<ShownTls> {
  for (const label of ["demo authority", "demo server", "demo client"]) {
    const isServer = label === "demo server";
    keys.push(
      await session.generateKeyPair(
        CKM.EC_KEY_PAIR_GEN,
        { namedCurve: "P-256", token: true, verify: true, label },
        // nginx takes its own key from a file.
        { token: true, sign: true, label, sensitive: !isServer, extractable: isServer },
      ),
    );
  }
  const [authority, server, client] = keys as [Pkcs11KeyPair, Pkcs11KeyPair, Pkcs11KeyPair];
  const ca = await createSelfSignedCertificate(authority, {
    subject: "CN=gp11 demo authority",
    basicConstraints: { ca: true },
    keyUsage: ["keyCertSign"],
  });
  const issuer = await session.importCertificate(ca, { token: false });
  const issue = async (key: Pkcs11KeyPair, subject: string, purpose: string) =>
    await issueCertificate(await createCertificateRequest(key, { subject, subjectAltNames: ["localhost"] }), {
      ...{ issuer, key: authority.privateKey, extendedKeyUsage: [purpose] },
    });
  await writeFile(`${folder}/ca.pem`, ca);
  await writeFile(`${folder}/server.pem`, await issue(server, "CN=localhost", "serverAuth"));
  await writeFile(`${folder}/server.key`, await server.privateKey.exportKey("pem"), { mode: 0o600 });
  const certificate = await issue(client, "CN=key in a token", "clientAuth");
  await issuer.destroy();

  const clientCertificate = await tokenCertificate({ certificate, key: client.privateKey, ca });
  const port = await freePort();
  await writeFile(`${folder}/nginx.conf`, configuration(folder, port));
  const child = spawn(nginx, ["-p", folder, "-c", `${folder}/nginx.conf`, "-e", `${folder}/error.log`]);
  try {
    await untilListening(port, child);
    return await measure(clientCertificate, `https://localhost:${port}/`, TlsDatabase.fromPem(ca));
  } finally {
    await clientCertificate.close();
    child.kill();
    if (child.exitCode === null) await once(child, "exit");
  }
}

async function measure(
  clientCertificate: Awaited<ReturnType<typeof tokenCertificate>>,
  url: string,
  tlsDatabase: TlsDatabase,
): Promise<ShownTls> {
  await using anonymous = new HttpSession({ tlsDatabase });
  const refused = await anonymous.fetch(url);
  await refused.body?.cancel();
  let seen = "";
  const started = performance.now();
  for (let each = 0; each < HANDSHAKES; each++) {
    await using http = new HttpSession({ clientCertificate });
    seen = await (await http.fetch(url)).text();
  }
  const each = (performance.now() - started) / HANDSHAKES;
  return {
    lines: [
      ["without a certificate", `nginx answers ${refused.status}`],
      ["nginx has seen", seen],
      ["a connection and a request", `${each.toFixed(1)} ms`],
    ],
    right: refused.status === 400 && seen.startsWith("CN=key in a token over TLS"),
  };
}

function configuration(folder: string, port: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join(" ");
  return `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events {}
http {
  access_log off; ${temporary}
  server {
    listen 127.0.0.1:${port} ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache off; ssl_session_tickets off;
    ssl_certificate ${folder}/server.pem; ssl_certificate_key ${folder}/server.key;
    ssl_client_certificate ${folder}/ca.pem; ssl_verify_client on;
    location / { return 200 "$ssl_client_s_dn over $ssl_protocol"; }
  }
}
`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const socket = connect(port, "127.0.0.1");
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`Cannot start nginx: it ended with ${child.exitCode}`);
}
