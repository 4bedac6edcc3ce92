// session/tls/: TLS with a key in a token when tokens, servers and programs do what they should not.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { once as event } from "node:events";
import { existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { after, before, describe, it } from "node:test";
import { HttpMessage, HttpSession, HttpStatus } from "../../../http/mod.ts";
import { Cryptoki } from "../../../ffi/tables/cryptoki.ts";
import {
  CKR,
  CKU,
  Module,
  Pkcs11Error,
  TlsError,
  type TokenCertificate,
  tokenCertificate,
  tokenTlsSocket,
} from "../../../session/mod.ts";
import { defaultPaths } from "../../../session/config/mod.ts";
import { RecordCounter } from "../../../session/tls/record_counter.ts";
import { Resumptions } from "../../../session/tls/resumptions.ts";
import { compilerSkip } from "../../_support/c_compiler.ts";
import { FailingGnutls } from "../../_support/failing_gnutls.ts";
import { collectGarbage } from "../../_support/garbage.ts";
import { type Nginx, nginxPath, startNginx } from "../../_support/nginx.ts";
import { MovingModule } from "../../_support/moving_module.ts";
import { createToken, softhsmModule } from "../../_support/softhsm.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";
import {
  helloExtensions,
  opensslServer,
  recordsIn,
  type Relay,
  relayTo,
  type TokenClients,
  tokenClients,
  tokenTlsSkip,
} from "../../_support/token_clients.ts";
import { WaitingModule } from "../../_support/waiting_module.ts";

const skip = tokenTlsSkip || compilerSkip || (nginxPath === null ? "nginx is not installed" : false);

/** Sockets that are open in this process; threads that come and go have descriptors of other kinds. */
function openSockets(): number {
  return readdirSync("/proc/self/fd").filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith("socket:");
    } catch {
      // It was the folder's own, or was closed meanwhile.
      return false;
    }
  }).length;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function codeOf(error: unknown): string {
  return (error as { code?: string } | null)?.code ?? String(error);
}

describe("TLS with a key in a token that fails", { skip }, () => {
  let waiting: WaitingModule;
  let clients: TokenClients;
  let nginx: Nginx;
  let relay: Relay;
  let client: TokenCertificate;
  let port: number;

  before(async () => {
    waiting = new WaitingModule(softhsmModule()!);
    clients = await tokenClients(waiting.path);
    const { ca, good } = clients.certificates;
    nginx = await startNginx({
      certificate: good,
      clientAuthority: ca.certFile,
      // Every connection is signed for.
      server: "ssl_session_tickets off; ssl_session_cache off;",
    });
    port = Number(new URL(nginx.tlsOrigin).port);
    relay = await relayTo(port);
    client = await tokenCertificate({ ...given(), pin: clients.token.userPin });
  });

  after(async () => {
    await client?.close();
    await relay?.[Symbol.asyncDispose]();
    await nginx?.[Symbol.asyncDispose]();
    await clients?.[Symbol.asyncDispose]();
  });

  const given = () => ({
    certificate: clients.ec.pem,
    key: clients.ec.keyUri,
    module: waiting.path,
    ca: clients.certificates.ca.cert,
  });
  /** Sends one message on a connection of its own. */
  const once = async (uri = `${nginx.tlsOrigin}/echo`, clientCertificate = client) => {
    await using session = new HttpSession({ clientCertificate });
    const msg = new HttpMessage("GET", uri);
    await session.sendMessage(msg);
    return msg;
  };
  const connected = (signal?: AbortSignal) =>
    tokenTlsSocket({ host: "localhost", port, clientCertificate: client, signal });

  const noFolder = existsSync("/proc/self/fd") ? false : "there is no /proc/self/fd";
  it("gives every socket back, whatever the handshake was in when it was aborted", { skip: noFolder }, async () => {
    const [all, side] = [300, 20];
    const reason = new Error("enough");
    const outcomes = { open: 0, aborted: 0 };
    const one = async (number: number) => {
      const abort = new AbortController();
      const connecting = connected(abort.signal);
      if (number % 10 === 3) {
        // Each after another while: before the connection stands, before, within and after the signature.
        for (let waited = 0; waited < number / 10; waited++) await turn();
        abort.abort(reason);
      }
      try {
        await (await connecting).close();
        outcomes.open++;
      } catch (error) {
        if (error !== reason) throw error;
        outcomes.aborted++;
      }
    };
    const many = async (count: number) => {
      let next = 0;
      await Promise.all(Array.from({ length: side }, async () => {
        while (next < count) await one(next++);
      }));
    };
    await many(2 * side);
    const before = openSockets();
    [outcomes.open, outcomes.aborted] = [0, 0];
    await many(all);
    assertEquals(outcomes.open + outcomes.aborted, all);
    assert(outcomes.open >= all * 0.9, `${outcomes.open} stood`);
    assert(outcomes.aborted >= 1, "none was aborted in time");
    // What was destroyed is closed in one of the next turns.
    while (openSockets() > before + 4) await turn();
  });

  it("costs nobody else a thread while its token does not answer", async () => {
    const { certificates: { good }, ec } = clients;
    await using other = await tokenCertificate({ ...given(), certificate: ec.pem });
    const server = createServer({ cert: good.cert, key: good.key }, (socket) => {
      socket.on("error", () => {}).end("hello");
    });
    server.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const reason = new Error("enough");
    const abort = new AbortController();
    waiting.waitFor(1000);
    const hanging = Array.from({ length: 10 }, () => connected(abort.signal).catch((error: unknown) => error));
    // As many as sign side by side; the others wait for one of them.
    while (waiting.inside < 8) await turn();
    abort.abort(reason);
    assertEquals(await Promise.all(hanging), new Array(10).fill(reason));
    // This server asks for no certificate, and gets no signature.
    const place = { host: "localhost", port: (server.address() as AddressInfo).port };
    const socket = await tokenTlsSocket({ ...place, clientCertificate: other });
    assertEquals(waiting.inside, 8);
    await socket.close();
    server.close();
    waiting.waitFor(0);
    assertEquals((await once()).statusCode, 200);
  });

  it("says what the token has said, and is right again with the token", async () => {
    waiting.fail(CKR.DEVICE_REMOVED);
    const failed = await once();
    assertEquals([failed.statusCode, codeOf(failed.error)], [HttpStatus.TLS_FAILED, "GNUTLS_E_PKCS11_DEVICE_ERROR"]);
    waiting.fail(0);
    assertEquals((await once()).statusCode, 200);
  });

  it("names what GnuTLS says of tokens, and is right again when it says it no more", async () => {
    const failing = new FailingGnutls();
    const own = { ...given(), gnutls: failing.path, pin: clients.token.userPin };
    for (
      const [name, number, code] of [
        ["gnutls_pkcs11_add_provider", -301, "GNUTLS_E_PKCS11_LOAD_ERROR"],
        ["gnutls_privkey_import_url", -303, "GNUTLS_E_PKCS11_PIN_ERROR"],
        ["gnutls_privkey_import_url", -323, "GNUTLS_E_PKCS11_REQUESTED_OBJECT_NOT_AVAILBLE"],
        ["gnutls_privkey_import_url", -56, "GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE"],
        ["gnutls_certificate_set_key", -309, "GNUTLS_E_PKCS11_DATA_ERROR"],
      ] as const
    ) {
      failing.fail(name, number);
      const error = await tokenCertificate(own).catch((error: unknown) => error);
      assert(error instanceof TlsError, String(error));
      assertEquals([error.code, error.number], [code, number]);
      assertStringIncludes(error.message, `(${code}, ${number})`);
      failing.fail(name, 0);
    }
    await using client = await tokenCertificate(own);
    for (
      const [number, code] of [
        [-300, "GNUTLS_E_PKCS11_ERROR"],
        [-308, "GNUTLS_E_PKCS11_DEVICE_ERROR"],
        [-309, "GNUTLS_E_PKCS11_DATA_ERROR"],
      ] as const
    ) {
      // The first call says hello.
      failing.fail("gnutls_handshake", number, 1);
      const { error, statusCode } = await once(undefined, client);
      assertEquals([statusCode, codeOf(error)], [HttpStatus.TLS_FAILED, code]);
      failing.fail("gnutls_handshake", 0);
      assertEquals((await once(undefined, client)).statusCode, 200);
    }
  });

  it("finds the key anew after a logout and a login that others have made, side by side", async () => {
    const { session, token } = clients;
    const raw = Cryptoki.open(waiting.path);
    for (const login of [false, true]) {
      raw.call("C_Logout", session.handle);
      if (login) await session.login(CKU.USER, token.userPin);
      const tries = waiting.logins;
      const messages = await Promise.all(Array.from({ length: 6 }, () => once()));
      assertEquals(messages.map(({ statusCode, error }) => [statusCode, error]), new Array(6).fill([200, null]));
      // One for all of them, and none where there is one already.
      assertEquals([login, waiting.logins - tries], [login, login ? 0 : 1]);
    }
    const sync = new HttpMessage("GET", `${nginx.tlsOrigin}/echo`);
    raw.call("C_Logout", session.handle);
    await using http = new HttpSession({ clientCertificate: client });
    assertEquals(http.sendMessageSync(sync), 200);
  });

  it("follows its token into another slot", async () => {
    const { ec } = clients;
    const moving = new MovingModule();
    const token = createToken();
    await using module = await Module.load(moving.path);
    const slot = await module.findSlot(token.label);
    const pin = token.userPin;
    await using session = await slot.openSession({ readWrite: true, login: { pin } });
    await session.importKey(await readFile(ec.keyFile, "utf8"), { token: true, label: "ec", sign: true });
    const key = `pkcs11:token=${encodeURIComponent(token.label)};object=ec;type=private`;
    await using own = await tokenCertificate({ ...given(), key, module: moving.path, pin });
    for (const to of [4711n, slot.id]) {
      assertEquals((await once(undefined, own)).statusCode, 200);
      moving.move(to === slot.id ? 4711n : slot.id, to);
    }
    assertEquals((await once(undefined, own)).statusCode, 200);
  });

  it("tries a PIN that has become wrong once", async () => {
    const { session, token } = clients;
    await using own = await tokenCertificate({ ...given(), pin: token.userPin });
    await using officer = await session.slot.openSession({ readWrite: true });
    await officer.setPin(token.userPin, "another");
    Cryptoki.open(waiting.path).call("C_Logout", session.handle);
    const tries = waiting.logins;
    const messages = await Promise.all(Array.from({ length: 4 }, () => once(undefined, own)));
    messages.push(await once(undefined, own));
    // Nobody waits for a server's answer then.
    relay.holds = true;
    messages.push(await once(`https://localhost:${relay.port}/echo`, own));
    relay.holds = false;
    for (const { error } of messages) {
      assert(error instanceof Error);
      const cause = error instanceof Pkcs11Error ? error : error.cause;
      assert(cause instanceof Pkcs11Error && cause.code === CKR.PIN_INCORRECT, String(error));
    }
    assertEquals(waiting.logins - tries, 1);
    await session.login(CKU.USER, "another");
    await officer.setPin("another", token.userPin);
  });

  it("sees that a response without a length was cut, between two records and within one", async () => {
    await using server = await opensslServer(clients, clients.certificates.ca.certFile);
    await using cutting = await relayTo(server.port);
    for (
      const [lastAlert, status, code] of [
        ["all", 200, "null"],
        ["none", HttpStatus.IO_ERROR, "GNUTLS_E_PREMATURE_TERMINATION"],
        ["half", HttpStatus.IO_ERROR, "GNUTLS_E_UNEXPECTED_PACKET_LENGTH"],
      ] as const
    ) {
      cutting.lastAlert = lastAlert;
      const msg = await once(`https://localhost:${cutting.port}/`);
      assertEquals([lastAlert, msg.statusCode, codeOf(msg.error)], [lastAlert, status, code]);
      assertEquals(msg.responseHeaders.get("content-length"), null);
    }
  });

  it("offers earlier sessions to servers that take them up, and looks at who has taken none up as at any other", async () => {
    const { ca, expired, good, stranger } = clients.certificates;
    // It hands out tickets, and knows none of them any more.
    await using forgetful = await startNginx({
      certificate: good,
      clientAuthority: ca.certFile,
      server: "ssl_protocols TLSv1.3; ssl_session_tickets off; ssl_session_cache off;",
    });
    const forgetfulPort = Number(new URL(forgetful.tlsOrigin).port);
    await using own = await relayTo(forgetfulPort);
    const origin = `https://localhost:${own.port}`;
    const PRE_SHARED_KEY = 41;
    const offers = async () => {
      own.sent = "";
      assertEquals((await once(`${origin}/echo`)).statusCode, 200);
      return helloExtensions(own.sent).includes(PRE_SHARED_KEY);
    };
    const seen: boolean[] = [];
    while (seen.length < 6) seen.push(await offers());
    assertEquals(seen, [false, true, true, true, false, false]);
    for (const requestCert of [true, false]) {
      for (
        const [{ cert, key }, problem] of [
          [expired, "CERT_HAS_EXPIRED"],
          [stranger, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
        ] as const
      ) {
        const heard: Buffer[] = [];
        const impostor = createServer({ cert, key, requestCert, rejectUnauthorized: false }, (socket) => {
          socket.on("error", () => {}).on("data", (bytes) => void heard.push(bytes));
        }).on("tlsClientError", () => {}).listen(0, "127.0.0.1");
        await event(impostor, "listening");
        await using another = await relayTo(forgetfulPort);
        const uri = `https://localhost:${another.port}/echo`;
        assertEquals((await once(uri)).statusCode, 200);
        another.target = (impostor.address() as AddressInfo).port;
        another.sent = "";
        const refused = await once(uri);
        assertEquals(helloExtensions(another.sent).includes(PRE_SHARED_KEY), true);
        assertEquals([refused.statusCode, refused.tlsErrors.includes(problem)], [HttpStatus.SSL_FAILED, true]);
        assertEquals(heard, []);
        impostor.close();
      }
    }
  });

  it("sends records of TLS and nothing else", async () => {
    relay.sent = "";
    const origin = `https://localhost:${relay.port}`;
    await using session = new HttpSession({ clientCertificate: client });
    const body = new Uint8Array(200_000);
    for (const init of [{}, { method: "POST", body }]) {
      assertEquals((await (await session.fetch(`${origin}/echo`, init)).text()).includes("/echo"), true);
    }
    // The handshake, and a body in 13 records at least.
    assert(recordsIn(relay.sent) > 15);
    assert(relay.sent.length > body.length);
  });

  it("finds the registered module that has the token", async () => {
    const folder = temporaryFolder("registered");
    mkdirSync(`${folder}/modules`);
    writeFileSync(`${folder}/modules/waiting.module`, `module: ${waiting.path}\n`);
    const { packageModules, systemModules } = defaultPaths;
    Object.assign(defaultPaths, { packageModules: `${folder}/modules`, systemModules: `${folder}/none` });
    try {
      const { certificate, ca } = given();
      const pin = clients.token.userPin;
      await using found = await tokenCertificate({ certificate, key: clients.ec.keyUri, ca, pin });
      assertEquals((await once(undefined, found)).statusCode, 200);
      const nowhere = await tokenCertificate({ certificate, key: "pkcs11:token=nowhere", ca }).catch((error) => error);
      assertEquals(nowhere.name, "SlotNotFoundError");
      assert(nowhere.message.includes(JSON.stringify(clients.token.label)), nowhere.message);
    } finally {
      Object.assign(defaultPaths, { packageModules, systemModules });
    }
  });

  const noCollector = collectGarbage === null ? "the runtime does not let its garbage be collected" : false;
  it(
    "ends its sessions, and with them the copy of the PIN, when a program drops it",
    { skip: noCollector },
    async () => {
      const pin = clients.token.userPin;
      const before = waiting.sessions;
      const made: WeakRef<TokenCertificate>[] = [];
      const dropping = async () => {
        for (let each = 0; each < 6; each++) made.push(new WeakRef(await tokenCertificate({ ...given(), pin })));
      };
      // Sessions are closed by another thread: a busy machine takes its time.
      const waitFor = async (most: number, collect: () => void) => {
        for (let round = 0; waiting.sessions > before + most && round < 3000; round++) {
          collect();
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        assert(waiting.sessions <= before + most, `${waiting.sessions - before} sessions are left`);
      };
      // Each has a session of its own, and GnuTLS one for its signatures; collectors may overlook some.
      await dropping();
      await waitFor(8, collectGarbage!);
      // The module would stay in use by those, and not see tokens that other tests of the process make.
      for (const overlooked of made) await overlooked.deref()?.close();
      await waitFor(0, () => {});
    },
  );
});

describe("Resumptions", () => {
  it("tries a server that has refused again after a while, and each time once it has taken one up", () => {
    const resumptions = new Resumptions();
    const left = (byte: number) => new Uint8Array(8).fill(byte);
    /** A connection to a server that leaves something each time. */
    const offers = (isResumed: boolean): boolean => {
      const data = resumptions.take("a");
      if (data !== null) resumptions.answered("a", isResumed);
      if (resumptions.wants("a")) resumptions.put("a", left(1));
      return data !== null;
    };
    const refused = Array.from({ length: 24 }, () => offers(false));
    const offered = refused.flatMap((isOffered, index) => isOffered ? [index] : []);
    assertEquals(offered, [1, 2, 3, 20]);
    while (!offers(true));
    assertEquals(Array.from({ length: 9 }, (_, index) => offers(index % 3 === 0)), new Array(9).fill(true));
    const wiped = left(7);
    resumptions.put("b", wiped);
    resumptions.clear();
    assertEquals([wiped, resumptions.take("b")], [left(0), null]);
  });
});

describe("RecordCounter", () => {
  it("counts records, however they are cut into pieces", () => {
    const record = (length: number) => [23, 3, 3, length >> 8, length & 255, ...new Array(length).fill(9)];
    const lengths = [0, 1, 5, 700, 300, 0, 16384];
    const bytes = Uint8Array.from(lengths.flatMap(record));
    for (const size of [1, 2, 3, 4, 5, 6, 7, 64, 1021, bytes.length]) {
      const counter = new RecordCounter();
      let whole = 0;
      for (let at = 0; at < bytes.length; at += size) {
        const piece = bytes.subarray(at, at + size);
        whole += counter.add(piece, piece.length);
      }
      assertEquals([size, whole], [size, lengths.length]);
    }
    assertEquals(new RecordCounter().add(bytes, 5), 1);
    // Longer than a record may be: it is refused without the rest.
    assertEquals(new RecordCounter().add(Uint8Array.of(22, 3, 3, 0xff, 0xff), 5), 1);
  });
});
