// Asks servers of Redis whether they are there, as stores do; prints what comes of each. Run with a CA the runtime trusts by itself.
import process from "node:process";
import { RedisLink } from "../../http/stores/redis_link.ts";

const answers = await Promise.all(
  process.argv.slice(2).map(async (url) => {
    const link = new RedisLink("ask in a test", { url });
    try {
      return String(await link.command("PING"));
    } catch (error) {
      return String(error);
    } finally {
      await link.close();
    }
  }),
);
process.stdout.write(`${JSON.stringify(answers)}\n`);
