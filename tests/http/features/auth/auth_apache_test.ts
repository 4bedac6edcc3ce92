import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { HttpMessage } from "../../../../http/message/message.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import { type Apache, apacheRealm, apacheSkip, startApache } from "../../../_support/apache.ts";
import { authTransports } from "../../../_support/auth_servers.ts";

let apache: Apache;

const setUp = async (): Promise<void> => {
  if (apacheSkip === false) apache = await startApache("alice", "s\u00e9cret");
};
const tearDown = async (): Promise<void> => {
  if (apacheSkip === false) await apache.close();
};

function answering(transport: "fetch" | "node", password = "s\u00e9cret") {
  const session = new HttpSession({ transport, maxConnsPerHost: 10 });
  const asked: string[] = [];
  session.addEventListener("authenticate", ({ auth, retrying }) => {
    asked.push(`${auth.scheme} ${auth.realm} ${retrying}`);
    if (!retrying) auth.authenticate("alice", password);
  });
  return { session, asked };
}

async function get(session: HttpSession, url: string): Promise<string> {
  const response = await session.fetch(url);
  return `${response.status} ${await response.text()}`;
}

before(setUp);
after(tearDown);

for (const transport of authTransports) {
  describe(`authentication at Apache httpd over ${transport}`, () => {
    for (const scheme of ["Basic", "Digest"]) {
      const folder = scheme.toLowerCase();

      it(`${scheme}: lets in, and is not asked again`, { skip: apacheSkip }, async () => {
        const { session, asked } = answering(transport);
        await using _ = session;
        assertEquals(await get(session, `${apache.origin}/${folder}/page.txt`), `200 the ${folder} page`);
        assertEquals(await get(session, `${apache.origin}/${folder}/below/page.txt?a=b&c="d"`), `200 below ${folder}`);
        assertEquals(asked, [`${scheme} ${apacheRealm} false`]);
      });

      it(`${scheme}: ten parallel requests ask once`, { skip: apacheSkip }, async () => {
        const { session, asked } = answering(transport);
        await using _ = session;
        const all = await Promise.all(
          Array.from({ length: 10 }, () => get(session, `${apache.origin}/${folder}/page.txt`)),
        );
        assertEquals(all, Array(10).fill(`200 the ${folder} page`));
        assertEquals(asked.length, 1);
      });

      it(`${scheme}: a wrong password ends with Apache's 401 and its body`, { skip: apacheSkip }, async () => {
        const { session, asked } = answering(transport, "wrong");
        await using _ = session;
        const answer = await get(session, `${apache.origin}/${folder}/page.txt`);
        assert(answer.startsWith("401 ") && answer.includes("<title>401 Unauthorized</title>"), answer);
        assertEquals(asked, [`${scheme} ${apacheRealm} false`, `${scheme} ${apacheRealm} true`]);
      });
    }

    it("Digest: Apache's proof is right for every method and a body is sent again", { skip: apacheSkip }, async () => {
      const { session, asked } = answering(transport);
      await using _ = session;
      for (const method of ["GET", "HEAD", "POST", "GET"]) {
        const msg = new HttpMessage(method, `${apache.origin}/digest/page.txt`, {
          body: method === "POST" ? "a body" : null,
        });
        assertEquals(await session.sendMessage(msg), 200);
        assert(msg.responseHeaders.get("authentication-info")?.includes("rspauth="));
      }
      assertEquals(asked.length, 1);
    });

    it("credentials stay within what asked for them", { skip: apacheSkip }, async () => {
      const { session } = answering(transport);
      await using _ = session;
      await get(session, `${apache.origin}/basic/page.txt`);
      assertEquals(await get(session, `${apache.origin}/open/page.txt`), "200 the open page");
      assertEquals(new Set(await apache.log("/open/page.txt")), new Set(["GET /open/page.txt 200 -"]));
    });
  });
}
