// Files of Bun as bodies: their size is 0 where nobody knows it, and they are read as they are sent.
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { HttpMessage } from "../../../http/mod.ts";
import { serverOn } from "../../_support/http_server.ts";
import { sessionOn, transportsWithHttp2 } from "../../_support/http_sessions.ts";
import { reply, type Responder } from "../../_support/socket_server.ts";

const bun = (globalThis as { Bun?: { file(path: string): Blob } }).Bun;
const made = "/proc/version";

const skip = bun === undefined ? "only Bun has such files" : false;
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "gp11-bun-files-"));
});
after(() => rm(folder, { recursive: true }));

const echo: Responder = ({ body }, socket) => void socket.write(reply("200 OK", body.toString("latin1")));

function formOf(file: Blob): FormData {
  const form = new FormData();
  form.set("file", file);
  return form;
}

for (const transport of transportsWithHttp2) {
  describe(`a file of Bun as a body on ${transport}`, { skip }, () => {
    it("is sent with what the system makes of it as it is read", async () => {
      await using server = await serverOn(transport, echo);
      await using session = sessionOn(transport);
      const text = await readFile(made, "utf8");
      const whole = await session.fetch(`${server.origin}/`, { method: "POST", body: bun!.file(made) });
      assertEquals(await whole.text(), text);
      const form = await session.fetch(`${server.origin}/`, { method: "POST", body: formOf(bun!.file(made)) });
      assertStringIncludes(await form.text(), text);
      const msg = new HttpMessage("POST", `${server.origin}/`, { body: bun!.file(made) });
      assertEquals(await session.sendMessage(msg), 200);
      assertEquals(server.requests.at(-1)!.body.toString(), text);
    });

    it("is an error when it is not there, alone and in a form", async () => {
      await using server = await serverOn(transport, echo);
      await using session = sessionOn(transport);
      for (const bodyOf of [(file: Blob) => file, formOf]) {
        const body = bodyOf(bun!.file(join(folder, "missing")));
        await assertRejects(() => session.fetch(`${server.origin}/`, { method: "POST", body }), Error, "ENOENT");
      }
    });

    it("may be empty", async () => {
      const path = join(folder, "empty");
      await writeFile(path, "");
      await using server = await serverOn(transport, echo);
      await using session = sessionOn(transport);
      const response = await session.fetch(`${server.origin}/`, { method: "POST", body: bun!.file(path) });
      assertEquals([response.status, await response.text()], [200, ""]);
    });
  });
}
