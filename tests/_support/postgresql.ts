// A private PostgreSQL that knows its clients by their certificates: a cluster of its own, in a folder of its own.
import { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { chownSync, copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { programPath } from "../../tools/native_libraries.ts";
import { freePort, spawnServer, stopServer, untilListening, untilReady } from "./server_programs.ts";
import { temporaryFolder } from "./temporary_folder.ts";
import type { TestCertificates } from "./tls_certificates.ts";

const run = promisify(execFile);

/** Debian keeps the programs of each version in a folder that is in nobody's PATH. */
const debian = "/usr/lib/postgresql";
const versions = existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, "bin")) : [];
const programs = [...versions, ...(process.env.PATH ?? "").split(":"), "/opt/homebrew/bin"]
  .find((folder) => ["initdb", "postgres"].every((name) => existsSync(join(folder, name))));

/** It refuses to run as root. */
const needsUser = process.getuid?.() === 0;
const setpriv = programPath("setpriv");
/** The number of "nobody" and of its group. */
const NOBODY = 65534;

/** Why tests that need a database are skipped; false where they are not. */
export const noPostgres: string | false = programs === undefined
  ? "there is no PostgreSQL (postgresql of Debian is too large to be set up for one test)"
  : needsUser && setpriv === null && "PostgreSQL does not run as root, and there is no setpriv";

/** A program of PostgreSQL's, as somebody it runs for. */
function asUser(name: string, args: readonly string[]): [command: string, args: string[]] {
  const path = join(programs!, name);
  if (!needsUser) return [path, [...args]];
  return [setpriv!, [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", path, ...args]];
}

/** Starts a database: `user` has all rights in it, and must show a certificate that names it. */
export async function startPostgres(
  { ca, good }: TestCertificates,
  user: string,
): Promise<AsyncDisposable & { readonly port: number }> {
  const folder = temporaryFolder("postgresql");
  const data = join(folder, "data");
  const own = (name: string) => {
    if (needsUser) chownSync(name, NOBODY, NOBODY);
    return name;
  };
  own(folder);
  await run(...asUser("initdb", ["-D", data, `--username=${user}`, "--no-sync", "--encoding=UTF8", "--locale=C"]));
  const copied = (from: string, name: string) => {
    copyFileSync(from, join(data, name));
    return own(join(data, name));
  };
  writeFileSync(join(data, "pg_hba.conf"), "hostssl all all 127.0.0.1/32 cert clientcert=verify-full\n");
  const port = await freePort();
  const settings = {
    ...{ port, listen_addresses: "127.0.0.1", unix_socket_directories: "", fsync: "off", ssl: "on" },
    ssl_cert_file: copied(good.certFile, "server.pem"),
    ssl_key_file: copied(good.keyFile, "server.key"),
    ssl_ca_file: copied(ca.certFile, "ca.pem"),
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawnServer(...asUser("postgres", ["-D", data, ...args]));
  await untilListening(port, child);
  // It listens before it takes clients. The last line of its file says which of the two, as its own pg_ctl reads it.
  const file = join(data, "postmaster.pid");
  await untilReady("PostgreSQL", child, () => readFileSync(file, "utf8").trimEnd().endsWith("ready"));
  return { port, [Symbol.asyncDispose]: () => stopServer(child) };
}

/** Asks whether TLS may begin (SSLRequest: "Message Formats" of its manual), and gives the connection on which it may. */
export async function askForTls(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
  const [answer] = await once(socket, "data") as [Uint8Array];
  // More than the one letter would be somebody else's.
  if (answer.length !== 1 || answer[0] !== "S".charCodeAt(0)) throw new Error(`The database answers ${answer}`);
  return socket;
}
