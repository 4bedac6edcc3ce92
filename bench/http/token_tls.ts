// HTTPS with the client key in a token against one in a file, with this library and with node:https, in turns on one
// runtime: requests on kept connections as a ratio, by time and by the processor's time of this process, a new connection in
// milliseconds of difference, what memory a large body takes, and what a token does that takes its time. Prints the best
// batches by row: others share their time with what else runs.
import https from "node:https";
import process from "node:process";
import { type ClientCertificateOption, HttpSession, TlsDatabase } from "../../http/mod.ts";
import { tokenCertificate } from "../../session/mod.ts";
import { WaitingModule } from "../../tests/_support/waiting_module.ts";

const { AUTHORITY = "", CERTIFICATE = "", KEY = "", KEY_URI = "", MODULE = "", PIN = "" } = process.env;
const { RESUMING = "", URL: url = "" } = process.env;
const BATCHES = 7;
const REQUESTS = 400;
const CONNECTIONS = 10;
/** Connections before it counts what one takes: compilers are done by then. */
const WARMING = 300;
const BODY = 100 << 20;
const MEBIBYTE = 1 << 20;
/** What the token's signature takes in the rows about a slow one. */
const SIGNATURE_MS = 200;

const token = await tokenCertificate({
  certificate: CERTIFICATE,
  key: KEY_URI,
  pin: PIN,
  module: MODULE,
  ca: AUTHORITY,
});
const kinds = { token, file: { cert: CERTIFICATE, key: KEY } } as const;
const tlsDatabase = TlsDatabase.fromPem(AUTHORITY);

/** Milliseconds that something took, and those that the processor worked for this process meanwhile. */
interface Cost {
  wall: number;
  work: number;
}

async function cost(count: number, body: () => Promise<void>): Promise<Cost> {
  const [started, used] = [performance.now(), process.cpuUsage()];
  await body();
  const { user, system } = process.cpuUsage(used);
  return { wall: (performance.now() - started) / count, work: (user + system) / 1000 / count };
}

const sessionWith = (clientCertificate: ClientCertificateOption, conns = 1) =>
  new HttpSession({ transport: "node", clientCertificate, tlsDatabase, maxConns: conns, maxConnsPerHost: conns });

function requests(one: () => Promise<unknown>, inFlight: number): Promise<Cost> {
  let left = REQUESTS;
  return cost(REQUESTS, async () => {
    await Promise.all(Array.from({ length: inFlight }, async () => {
      while (left-- > 0) await one();
    }));
  });
}

/** One request by node:https, its response read as text. */
function plainRequest(agent: https.Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { agent, ca: AUTHORITY, ...kinds.file };
    https.get(`${url}/echo`, options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece) => text += piece).on("end", () => resolve(text));
    }).on("error", reject);
  });
}

function connections(
  clientCertificate: ClientCertificateOption,
  origin: string,
  count = CONNECTIONS,
): Promise<Cost> {
  return cost(count, async () => {
    for (let each = 0; each < count; each++) {
      await using session = sessionWith(clientCertificate);
      await (await session.fetch(`${origin}/echo`)).text();
    }
  });
}

/** The best of the batches of each kind, in turns. */
async function best<K extends string>(batches: Record<K, () => Promise<Cost>>): Promise<Record<K, Cost>> {
  const found = {} as Record<K, Cost>;
  for (let turn = 0; turn < BATCHES; turn++) {
    for (const kind of Object.keys(batches) as K[]) {
      const { wall, work } = await batches[kind]();
      const before = found[kind] ?? { wall: Infinity, work: Infinity };
      found[kind] = { wall: Math.min(before.wall, wall), work: Math.min(before.work, work) };
    }
  }
  return found;
}

/** Mebibytes by which the process has grown at most while it does something. */
async function growth(body: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => most = Math.max(most, process.memoryUsage.rss()), 5);
  await body();
  clearInterval(timer);
  return (most - before) / MEBIBYTE;
}

async function download(session: HttpSession): Promise<void> {
  let length = 0;
  for await (const piece of (await session.fetch(`${url}/body`)).body!) length += piece.length;
  if (length !== BODY) throw new Error(`Cannot measure: ${length} bytes have come`);
}

async function upload(session: HttpSession): Promise<void> {
  let left = BODY;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      controller.enqueue(new Uint8Array(0x10000));
      if ((left -= 0x10000) === 0) controller.close();
    },
  });
  await (await session.fetch(`${url}/echo`, { method: "POST", body, duplex: "half" })).text();
}

/** The longest time the event loop was held up while something is done. */
async function stall(body: () => Promise<unknown>): Promise<number> {
  let [longest, last, isOver] = [0, performance.now(), false];
  const look = (): void => {
    const now = performance.now();
    [longest, last] = [Math.max(longest, now - last), now];
    if (!isOver) setTimeout(look, 0);
  };
  look();
  await body();
  isOver = true;
  return longest;
}

const rows: Record<string, number> = {};
for (const inFlight of [1, 10]) {
  const sessions = { token: sessionWith(kinds.token, inFlight), file: sessionWith(kinds.file, inFlight) };
  const agent = new https.Agent({ keepAlive: true, maxSockets: inFlight });
  const { file, node, token } = await best({
    token: () => requests(async () => await (await sessions.token.fetch(`${url}/echo`)).text(), inFlight),
    file: () => requests(async () => await (await sessions.file.fetch(`${url}/echo`)).text(), inFlight),
    node: () => requests(() => plainRequest(agent), inFlight),
  });
  for (const [name, other] of [["file", file], ["node:https", node]] as const) {
    rows[`kept connections, ${inFlight} in flight: token / ${name}`] = other.wall / token.wall;
    rows[`kept connections, ${inFlight} in flight, processor: token / ${name}`] = other.work / token.work;
  }
  for (const session of Object.values(sessions)) session.close();
  agent.destroy();
}
for (
  const [name, origin] of [["a new connection", url], ["one to a server that resumes sessions", RESUMING]] as const
) {
  for (const kind of Object.values(kinds)) await connections(kind, origin, WARMING);
  const took = await best({
    token: () => connections(kinds.token, origin),
    file: () => connections(kinds.file, origin),
  });
  rows[`${name}: ms more than with a file`] = took.token.wall - took.file.wall;
  rows[`${name}, processor: ms more than with a file`] = took.token.work - took.file.work;
}

const large = sessionWith(kinds.token);
for (const [name, transfer] of [["GET", download], ["POST", upload]] as const) {
  // What the first one takes is the runtime's room for others.
  await transfer(large);
  rows[`${name} of 100 MiB: MiB that memory grows`] = await growth(() => transfer(large));
}
large.close();

const module = new WaitingModule("", MODULE);
const one = async () => {
  await using session = sessionWith(kinds.token);
  await (await session.fetch(`${url}/echo`)).text();
};
await Promise.all([one(), one(), one()]);
module.pause(SIGNATURE_MS);
const started = performance.now();
rows[`a signature of ${SIGNATURE_MS} ms: longest stall in ms`] = await stall(() => Promise.all([one(), one(), one()]));
rows["three handshakes: signatures they take"] = (performance.now() - started) / SIGNATURE_MS;
module.pause(0);
await token.close();
process.stdout.write(`${JSON.stringify(rows)}\n`);
