// The first request of a program with a JavaScript peer. Usage: HOW OFTEN, WHICH, URL
import { tellMemory, words } from "./program.mjs";

const [count, which, url] = words;
const makers = {
  async ky() {
    const { default: ky } = await import("ky");
    return async () => await ky.get(url).text();
  },
  async got() {
    const { default: got } = await import("got");
    return async () => (await got(url)).body;
  },
  async axios() {
    const { default: axios } = await import("axios");
    return async () => (await axios.get(url)).data;
  },
  async undici() {
    const { request } = await import("undici");
    return async () => await (await request(url)).body.text();
  },
};
const get = await makers[which]();
for (let i = 0; i < Number(count); i++) await get();
tellMemory(count);
