// HTTPS with the client key in a token against one in a file, in turns on one runtime: requests on kept connections as a ratio,
// a new connection in milliseconds of difference. Prints the best batches by row: others share their time with what else runs.
import process from "node:process";
import { type ClientCertificateOption, HttpSession, TlsDatabase } from "../../http/mod.ts";
import { tokenCertificate } from "../../session/mod.ts";

const { AUTHORITY = "", CERTIFICATE = "", KEY = "", KEY_URI = "", MODULE = "", PIN = "", URL: url = "" } = process.env;
const BATCHES = 5;
const REQUESTS = 200;
const CONNECTIONS = 10;

const token = await tokenCertificate({
  certificate: CERTIFICATE,
  key: KEY_URI,
  pin: PIN,
  module: MODULE,
  ca: AUTHORITY,
});
const kinds = { token, file: { cert: CERTIFICATE, key: KEY } } as const;
const tlsDatabase = TlsDatabase.fromPem(AUTHORITY);

const sessionWith = (clientCertificate: ClientCertificateOption, conns = 1) =>
  new HttpSession({ transport: "node", clientCertificate, tlsDatabase, maxConns: conns, maxConnsPerHost: conns });

async function requests(session: HttpSession, inFlight: number): Promise<number> {
  const started = performance.now();
  let left = REQUESTS;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (left-- > 0) await (await session.fetch(url)).text();
  }));
  return (performance.now() - started) / REQUESTS;
}

async function connections(clientCertificate: ClientCertificateOption): Promise<number> {
  const started = performance.now();
  for (let each = 0; each < CONNECTIONS; each++) {
    await using session = sessionWith(clientCertificate);
    await (await session.fetch(url)).text();
  }
  return (performance.now() - started) / CONNECTIONS;
}

/** The best of the batches of both kinds, in turns. */
async function best(batch: (kind: keyof typeof kinds) => Promise<number>): Promise<Record<keyof typeof kinds, number>> {
  const found = { token: Infinity, file: Infinity };
  for (let turn = 0; turn < BATCHES; turn++) {
    for (const kind of ["token", "file"] as const) found[kind] = Math.min(found[kind], await batch(kind));
  }
  return found;
}

const rows: Record<string, number> = {};
for (const inFlight of [1, 10]) {
  const sessions = { token: sessionWith(kinds.token, inFlight), file: sessionWith(kinds.file, inFlight) };
  const took = await best((kind) => requests(sessions[kind], inFlight));
  rows[`kept connections, ${inFlight} in flight: token / file`] = took.file / took.token;
  for (const session of Object.values(sessions)) session.close();
}
const took = await best((kind) => connections(kinds[kind]));
rows["a new connection: ms more than with a file"] = took.token - took.file;
await token.close();
process.stdout.write(`${JSON.stringify(rows)}\n`);
