// About session/tls/token_tls_socket.ts: drivers of databases over it.
import { assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { after, before, describe, it } from "node:test";
import postgres from "postgres";
import { type TokenCertificate, tokenCertificate, tokenTlsSocket } from "../../../session/mod.ts";
import { askForTls, noPostgres, startPostgres } from "../../_support/postgresql.ts";
import { type TokenClient, type TokenClients, tokenClients, tokenTlsSkip } from "../../_support/token_clients.ts";

const USER = "gp11 test client";

describe("drivers of databases over tokenTlsSocket", { skip: tokenTlsSkip }, () => {
  let clients: TokenClients;

  before(async () => {
    clients = await tokenClients();
  });

  after(async () => {
    await clients?.[Symbol.asyncDispose]();
  });

  const certificateOf = ({ key, pem }: TokenClient) =>
    tokenCertificate({ certificate: pem, key, ca: clients.certificates.ca.cert });

  /** A driver whose connections are the user's. */
  const driver = (port: number, clientCertificate: TokenCertificate) => {
    const socket = async () => {
      const raw = await askForTls(port);
      return (await tokenTlsSocket({ socket: raw, servername: "localhost", clientCertificate })).duplex;
    };
    // Its types do not know of `socket`, which its documentation shows.
    const options = { user: USER, database: "postgres", max: 3, ssl: false, socket, onnotice: () => {} };
    return postgres(options as postgres.Options<Record<string, never>>);
  };

  it("speak with PostgreSQL, which knows its clients by their certificates", { skip: noPostgres }, async () => {
    await using server = await startPostgres(clients.certificates, USER);
    await using ec = await certificateOf(clients.ec);
    await using rsa = await certificateOf(clients.rsa);
    const sql = driver(server.port, ec);
    try {
      const [shown] = await sql`
        select current_user::text as user, ssl, version, client_dn as subject
        from pg_stat_ssl where pid = pg_backend_pid()`;
      assertEquals({ ...shown }, { user: USER, ssl: true, version: "TLSv1.3", subject: `/O=gp11/CN=${USER}` });

      // More than what is encrypted at once, in both directions.
      const large = new Uint8Array(1_000_000).map((_, index) => index * 7);
      const [back] = await sql<{ echo: Uint8Array }[]>`select ${large}::bytea as echo`;
      assertEquals(Buffer.compare(back!.echo, large), 0);
      const rows = await sql<{ n: number }[]>`select n from generate_series(1, 20000) n`;
      assertEquals([rows.length, rows.at(-1)?.n], [20_000, 20_000]);

      const counts = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => sql`select ${n}::int * 2 as twice`));
      assertEquals(counts.map(([row]) => row!.twice), [2, 4, 6, 8, 10, 12]);
      // What the server says by itself comes on a connection of its own.
      const news = Promise.withResolvers<string>();
      await sql.listen("news", news.resolve);
      await sql.notify("news", "from the token");
      assertEquals(await news.promise, "from the token");
    } finally {
      await sql.end();
    }

    const other = driver(server.port, rsa);
    try {
      // It is trusted, and somebody else.
      await assertRejects(() => other`select 1`, Error, `certificate authentication failed for user "${USER}"`);
    } finally {
      await other.end();
    }
  });
});
