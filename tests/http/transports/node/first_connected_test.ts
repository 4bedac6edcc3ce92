// Several addresses of a host (RFC 8305): order, delays, who wins and what becomes of the others, with attempts by script.
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it } from "node:test";
import { TransportError } from "../../../../http/errors.ts";
import { HttpStatus } from "../../../../http/protocol/status.ts";
import type { HostAddress } from "../../../../http/transports/host_lookup.ts";
import { firstConnected, inTurn } from "../../../../http/transports/node/first_connected.ts";
import { NodeTransport } from "../../../../http/transports/node/node_transport.ts";
import { reply, socketServer } from "../../../_support/socket_server.ts";
import { exchange, localTarget, RecordingObserver, requestFor, textOf } from "../../../_support/transport_driver.ts";

const ip = (address: string): HostAddress => ({ address, family: address.includes(":") ? 6 : 4 });

/** Attempts that a test ends, and the clock between them. */
class Script {
  readonly log: string[] = [];
  readonly attempts = new Map<string, PromiseWithResolvers<string>>();
  readonly abort = new AbortController();
  readonly result: Promise<string>;
  #tick: (() => void) | null = null;

  constructor(...addresses: string[]) {
    const begin = ({ address }: HostAddress) => {
      this.log.push(`begin ${address}`);
      const attempt = Promise.withResolvers<string>();
      this.attempts.set(address, attempt);
      return { connected: attempt.promise, close: () => void this.log.push(`close ${address}`) };
    };
    const later = (milliseconds: number, run: () => void) => {
      assertEquals(milliseconds, 250);
      assertEquals(this.#tick, null);
      this.#tick = run;
      return () => void (this.#tick = null);
    };
    this.result = firstConnected(addresses.map(ip), begin, this.abort.signal, later);
    this.result.catch(() => {});
  }

  /** The delay between two attempts has passed. */
  tick(): void {
    const run = this.#tick!;
    this.#tick = null;
    run();
  }

  get isTimed(): boolean {
    return this.#tick !== null;
  }

  async win(address: string): Promise<void> {
    this.attempts.get(address)!.resolve(address);
    await this.#settled();
  }

  async lose(address: string, code = "ECONNREFUSED"): Promise<void> {
    this.attempts.get(address)!.reject(Object.assign(new Error(`connect ${code} ${address}`), { code }));
    await this.#settled();
  }

  async #settled(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
}

describe("addresses of a host", () => {
  it("take turns by family, the preferred one first", () => {
    const order = (...addresses: string[]) => inTurn(addresses.map(ip)).map(({ address }) => address);
    assertEquals(order("::1", "::2", "::3", "1.1.1.1"), ["::1", "1.1.1.1", "::2", "::3"]);
    assertEquals(order("1.1.1.1", "::1", "2.2.2.2", "::2"), ["1.1.1.1", "::1", "2.2.2.2", "::2"]);
    assertEquals([order("1.1.1.1"), order()], [["1.1.1.1"], []]);
  });

  it("are tried one after the other while none answers, and all of them go on", async () => {
    const script = new Script("::1", "1.1.1.1", "2.2.2.2");
    assertEquals([script.log, script.isTimed], [["begin ::1"], true]);
    script.tick();
    script.tick();
    assertEquals([script.log, script.isTimed], [["begin ::1", "begin 1.1.1.1", "begin 2.2.2.2"], false]);
    await script.win("::1");
    assertEquals(await script.result, "::1");
    assertEquals(script.log.slice(3), ["close 1.1.1.1", "close 2.2.2.2"]);
    // What connects afterwards was closed, and changes nothing.
    await script.win("1.1.1.1");
    await script.lose("2.2.2.2");
    assertEquals(script.log.length, 5);
  });

  it("are tried at once when the one before has failed", async () => {
    const script = new Script("::1", "1.1.1.1", "2.2.2.2");
    await script.lose("::1");
    assertEquals([script.log, script.isTimed], [["begin ::1", "begin 1.1.1.1"], true]);
    await script.win("1.1.1.1");
    assertEquals([await script.result, script.log.length, script.isTimed], ["1.1.1.1", 2, false]);
  });

  it("fail together with the errors of all, and alone with the one error", async () => {
    const script = new Script("::1", "1.1.1.1");
    await script.lose("::1", "EHOSTUNREACH");
    await script.lose("1.1.1.1");
    const error = await assertRejects(() => script.result, AggregateError) as AggregateError & { code?: string };
    assertEquals(error.message, "connect EHOSTUNREACH ::1, connect ECONNREFUSED 1.1.1.1");
    assertEquals([error.code, error.errors.length], ["EHOSTUNREACH", 2]);
    const single = new Script("::1");
    await single.lose("::1");
    assert(!(await assertRejects(() => single.result) instanceof AggregateError));
    assertEquals(single.isTimed, false);
  });

  it("are all given up when nobody waits any longer", async () => {
    const script = new Script("::1", "1.1.1.1", "2.2.2.2");
    script.tick();
    const reason = new Error("enough");
    script.abort.abort(reason);
    assertStrictEquals(await assertRejects(() => script.result), reason);
    assertEquals(script.log.slice(2), ["close ::1", "close 1.1.1.1"]);
    assertEquals(script.isTimed, false);
    const late = firstConnected([ip("::1")], () => {
      throw new Error("it has begun");
    }, script.abort.signal);
    assertStrictEquals(await assertRejects(() => late), reason);
  });
});

describe("NodeTransport with a lookup of one's own", () => {
  const transport = new NodeTransport();
  const target = (port: number, lookup: (host: string) => unknown) =>
    localTarget(port, { host: "service.example", lookup: (host) => lookup(host) as never });
  const failure = async (found: unknown) => {
    const where = target(1, () => found);
    const connection = transport.createConnection(where);
    return await assertRejects(() => exchange(connection, requestFor(where, "/")), TransportError);
  };

  it("connects to the first address that answers, and reports the steps once", async () => {
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK", "here")));
    const asked: string[] = [];
    const where = target(server.port, (host) => {
      asked.push(host);
      return [ip("127.0.0.2"), ip("127.0.0.1")];
    });
    const connection = transport.createConnection(where);
    const observer = new RecordingObserver();
    assertEquals(await textOf(await exchange(connection, requestFor(where, "/"), observer)), "here");
    assertEquals([asked, server.connections], [["service.example"], 1]);
    assertEquals(observer.events.slice(0, 5), ["resolving", "resolved", "connecting", "connected", "complete"]);
    connection.close();
  });

  it("names every address that has refused", async () => {
    const error = await failure([ip("127.0.0.2"), ip("127.0.0.3")]);
    assertEquals([error.status, error.code], [HttpStatus.CANT_CONNECT, "ECONNREFUSED"]);
    assertEquals(
      error.message,
      "Cannot connect to service.example:1: ECONNREFUSED 127.0.0.2:1, ECONNREFUSED 127.0.0.3:1",
    );
  });

  it("cannot resolve what has no address, no list of them, or an error", async () => {
    for (const found of [[], null, "127.0.0.1", [{ address: "localhost", family: 4 }], [null]]) {
      const error = await failure(found);
      assertEquals([error.status, error.code], [HttpStatus.CANT_RESOLVE, "ENOTFOUND"], JSON.stringify(found));
    }
    const reason = Object.assign(new Error("not there"), { code: "EFORBIDDEN" });
    const error = await failure(Promise.reject(reason));
    assertEquals([error.status, error.code, error.cause], [HttpStatus.CANT_RESOLVE, "EFORBIDDEN", reason]);
    assertEquals(error.message, "Cannot find the address of service.example: not there");
  });

  it("gives up a look-up that nobody waits for", async () => {
    const signals: AbortSignal[] = [];
    const where = localTarget(1, {
      host: "service.example",
      lookup: (_host, { signal }) => {
        signals.push(signal);
        return new Promise(() => {});
      },
    });
    const connection = transport.createConnection(where);
    const opening = exchange(connection, requestFor(where, "/"));
    const reason = new Error("enough");
    connection.close(reason);
    assertStrictEquals(await assertRejects(() => opening), reason);
    assertInstanceOf(signals[0], AbortSignal);
    assertEquals(signals[0]!.aborted, true);
  });
});
