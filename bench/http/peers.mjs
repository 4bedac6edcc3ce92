// The JavaScript peers. Copied beside their packages before it runs. Usage: WHICH URL SECONDS IN_FLIGHT...
import process from "node:process";
import http from "node:http";
import https from "node:https";
import { report } from "./rates.mjs";

const [which] = process.argv.splice(2, 1);
const url = process.argv[2];
const keepAlive = { keepAlive: true, maxSockets: 64 };
const makers = {
  async ky() {
    const { default: ky } = await import("ky");
    return async () => (await ky.get(url).arrayBuffer()).byteLength;
  },
  async got() {
    const { default: got } = await import("got");
    const agent = { http: new http.Agent(keepAlive), https: new https.Agent(keepAlive) };
    return async () => (await got(url, { agent, responseType: "buffer" })).body.length;
  },
  async axios() {
    const { default: axios } = await import("axios");
    const agents = { httpAgent: new http.Agent(keepAlive), httpsAgent: new https.Agent(keepAlive) };
    return async () => (await axios.get(url, { ...agents, responseType: "arraybuffer" })).data.length;
  },
  async undici() {
    const { Agent, request } = await import("undici");
    const dispatcher = new Agent({ connections: 64 });
    return async () => (await (await request(url, { dispatcher })).body.arrayBuffer()).byteLength;
  },
};
await report(await makers[which]());
process.exit(0);
