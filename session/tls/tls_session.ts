/**
 * One TLS session of GnuTLS over a pair of sockets: bytes of the peer go in, bytes for the peer come out, and nothing waits.
 * Whoever drives it, on the event loop or blocking, moves the bytes and makes the call of the handshake.
 */
import { Buffer } from "node:buffer";
import { builtin } from "../../internal/builtin_modules.ts";
import type { Block } from "../../ffi/memory/block.ts";
import { BlockPool } from "../../ffi/memory/block_pool.ts";
import type { NativeFunction } from "../../ffi/runtime/native.ts";
import { nativeAbi, nativeRuntime } from "../../ffi/runtime/runtime.ts";
import {
  GNUTLS,
  type Gnutls,
  GNUTLS_CERT,
  GNUTLS_E,
  GNUTLS_SIZES,
  type GnutlsFunction,
  intWord,
} from "../../ffi/tables/gnutls.ts";
import type { JobResult, NativeCall } from "../../ffi/workers/worker_pool.ts";
import type { Credentials } from "./credentials.ts";
import { priorities } from "./gnutls.ts";
import { made, putData, putText } from "./native_memory.ts";
import { RecordCounter } from "./record_counter.ts";
import { copied, PIECE, scratchBlock, SocketPair } from "./socket_pair.ts";
import { tlsError } from "./gnutls.ts";

/** Extended key usage of servers (RFC 5280 §4.2.1.12). */
const SERVER_PURPOSE = "1.3.6.1.5.5.7.3.1";
const ROOM = 4096;
/** Largest piece of a record (RFC 8446 §5.1). */
const RECORD = 0x4000;
/** More than a record holds: each call reads one whole. */
const ROOM_TO_READ = BigInt(PIECE);

/** What a session is made for. */
export interface TlsSessionOptions {
  /** Whom the certificate must name, without a final dot. */
  readonly host: string;
  /** What the server shall choose from, preferred first. */
  readonly alpnProtocols: readonly string[];
  /** Whether an untrusted certificate ends the handshake. */
  readonly strict: boolean;
  /** What an earlier session with the same server has left. */
  readonly resumption: Uint8Array | null;
}

/** What came of a step of the handshake. */
export type HandshakeStep = "done" | "more" | "untrusted";

/** One session. */
export class TlsSession {
  readonly #gnutls: Gnutls;
  readonly #pair: SocketPair;
  readonly #session: bigint;
  /** What GnuTLS points to while the session lives. */
  readonly #kept: Block;
  readonly #wanted: bigint;
  /** Where GnuTLS writes why a certificate is not trusted. */
  readonly #status: number;
  readonly #looksBehind: boolean;
  readonly #isStrict: boolean;
  /** Without a look nothing is known of the certificate. */
  #found: number = GNUTLS_CERT.INVALID;
  readonly #receive: NativeFunction;
  readonly #send: NativeFunction;
  readonly #records = new RecordCounter();
  /** Whole records that GnuTLS may not have read yet: rather too many than too few. */
  #unread = 0;
  #incoming: Uint8Array[] = [];
  #hasEnded = false;
  #isEndTold = false;
  /** Records so far that were no data, such as tickets. */
  #otherRecords = 0;
  #isClosed = false;
  #credentials: Credentials | null = null;

  /**
   * Prepares a session; nothing is sent before the first step of the handshake.
   *
   * @throws {TlsError} where the system lacks descriptors, or GnuTLS refuses the settings
   */
  constructor(gnutls: Gnutls, options: TlsSessionOptions) {
    this.#gnutls = gnutls;
    this.#receive = gnutls.get("gnutls_record_recv").call;
    this.#send = gnutls.get("gnutls_record_send").call;
    this.#isStrict = options.strict;
    this.#looksBehind = !options.strict || options.resumption !== null;
    this.#pair = new SocketPair(gnutls);
    const kept = this.#kept = takeMemory();
    this.#status = kept.alloc(8);
    this.#wanted = putWanted(kept, options.host);
    try {
      const flags = GNUTLS.CLIENT | GNUTLS.NONBLOCK | GNUTLS.NO_SIGNAL | GNUTLS.FORCE_CLIENT_CERT;
      this.#session = made(gnutls, "gnutls_init", [flags], (answer) => tlsError(gnutls, "begin TLS", answer));
    } catch (error) {
      this.#pair.close();
      giveMemory(kept);
      throw error;
    }
    try {
      this.#prepare(options);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #prepare({ alpnProtocols, host, resumption, strict }: TlsSessionOptions): void {
    const session = this.#session;
    const kept = this.#kept;
    this.#checked("gnutls_priority_set", session, priorities(this.#gnutls));
    this.#setCredentials(noCredentials(this.#gnutls));
    if (builtin.net.isIP(host) === 0) {
      const name = new TextEncoder().encode(host);
      const at = kept.address(kept.putBytes(name));
      this.#checked("gnutls_server_name_set", session, GNUTLS.NAME_DNS, at, BigInt(name.length));
    }
    if (alpnProtocols.length > 0) {
      const names = alpnProtocols.map((name) => new TextEncoder().encode(name));
      this.#checked("gnutls_alpn_set_protocols", session, putData(kept, names), BigInt(names.length), 0n);
    }
    if (strict) this.#gnutls.call("gnutls_session_set_verify_cert2", session, this.#wanted, 2n, 0n);
    if (resumption !== null) {
      // A session that cannot be taken up again is begun anew.
      const at = kept.putBytes(resumption);
      this.#gnutls.int("gnutls_session_set_data", session, kept.address(at), BigInt(resumption.length));
    }
    this.#gnutls.call("gnutls_transport_set_int2", session, this.#pair.inner, this.#pair.inner);
  }

  #checked(name: Parameters<Gnutls["int"]>[0], ...words: bigint[]): void {
    const answer = this.#gnutls.int(name, ...words);
    if (answer < 0) throw tlsError(this.#gnutls, "prepare TLS", answer);
  }

  /**
   * Has the handshake go on with these credentials, and holds them. Until then it has none: what is said first is the same
   * with all of them, and an answer to it would find nobody trusted.
   *
   * @throws {TlsError} when GnuTLS lacks memory
   */
  use(credentials: Credentials): void {
    this.#setCredentials(credentials.handle);
    credentials.hold();
    this.#credentials?.release();
    this.#credentials = credentials;
  }

  #setCredentials(handle: bigint): void {
    this.#checked("gnutls_credentials_set", this.#session, GNUTLS.CRD_CERTIFICATE, handle);
  }

  /** The number of the session in GnuTLS, for those who read what it knows. */
  get handle(): bigint {
    return this.#session;
  }

  /** What GnuTLS points to while the session lives. */
  get memory(): Block {
    return this.#kept;
  }

  /** Takes bytes of the peer. They are copied before this returns only as far as there is room. */
  feed(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#incoming.push(bytes);
  }

  /** The peer sends nothing any more. */
  endOfInput(): void {
    this.#hasEnded = true;
  }

  /** Whether bytes of the peer wait outside of GnuTLS. */
  get hasBacklog(): boolean {
    return this.#incoming.length > 0;
  }

  /** Moves what the peer has sent as far as there is room; whether something was moved. */
  flushIn(): boolean {
    let moved = false;
    while (this.#incoming.length > 0) {
      const first = this.#incoming[0]!;
      const count = this.#pair.put(first);
      this.#unread += this.#records.add(first, count);
      moved ||= count > 0;
      if (count < first.length) {
        if (count > 0) this.#incoming[0] = first.subarray(count);
        return moved;
      }
      this.#incoming.shift();
    }
    if (this.#hasEnded && !this.#isEndTold) {
      this.#isEndTold = true;
      this.#pair.end();
      moved = true;
    }
    return moved;
  }

  /** What there is for the peer. */
  output(): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let piece = this.#pair.take();
    // Less than there was room for is all that there was.
    for (; piece !== null && piece.length === PIECE; piece = this.#pair.take()) pieces.push(piece);
    if (piece !== null) pieces.push(piece);
    return pieces;
  }

  /**
   * The calls that go on with the handshake: it may sign on the token, and takes as long as that takes. Where the handshake
   * may end without a look at the certificate of the peer, that follows: nobody is to be refused in it, or it has gone on
   * with an earlier session. A peer that has asked for a certificate has not, so GnuTLS has looked at its own already, and
   * the look, which takes a third of a handshake, is left out.
   */
  handshakeCalls(): NativeCall[] {
    const call = (name: GnutlsFunction, ...args: bigint[]) => ({ fn: this.#gnutls.get(name), args });
    const calls = [call("gnutls_handshake", this.#session)];
    if (!this.#looksBehind) return calls;
    if (this.#isStrict) calls.push(call("gnutls_certificate_client_get_request_status", this.#session));
    const status = this.#kept.address(this.#status);
    return [...calls, call("gnutls_certificate_verify_peers", this.#session, this.#wanted, 2n, status)];
  }

  /** What the handshake has answered when its calls have run behind so many others. */
  handshakeAnswer({ stopped, value }: Pick<JobResult, "stopped" | "value">, others = 0): number {
    if (stopped <= others) return Number(value);
    const hasLooked = this.#looksBehind && stopped - others === (this.#isStrict ? 3 : 2);
    if (hasLooked) this.#found = this.#kept.view.getUint32(this.#status, true);
    return 0;
  }

  /** What is wrong with the certificate of the peer as the look behind the handshake has shown it. */
  get found(): number {
    return this.#found;
  }

  /**
   * What the call of the handshake has answered.
   *
   * @throws {TlsError} where it has failed; the peer is told by what is in the output then
   */
  handshakeStep(answer: number, host: string): HandshakeStep {
    if (answer >= 0) {
      // What was counted so far has been read, unless something has come behind the handshake, or with it.
      if (!this.#pair.isWaiting) this.#unread = 1;
      return "done";
    }
    if (answer === GNUTLS_E.AGAIN || answer === GNUTLS_E.INTERRUPTED) return "more";
    if (this.#gnutls.int("gnutls_error_is_fatal", intWord(answer)) === 0) return "more";
    const error = tlsError(this.#gnutls, `speak TLS with ${host}`, answer, this.#session);
    this.#gnutls.int("gnutls_alert_send_appropriate", this.#session, intWord(answer));
    if (answer === GNUTLS_E.CERTIFICATE_VERIFICATION_ERROR) return "untrusted";
    throw error;
  }

  /** Whether the peer may be given or may have sent something the handshake waits for. */
  get canGoOn(): boolean {
    return this.#pair.isWaiting;
  }

  /**
   * The next bytes of the peer, decrypted; null for none so far, "end" when the peer has said that no more will follow.
   *
   * @throws {TlsError} when the connection is cut, was tampered with, or the peer has broken it off
   */
  read(): Buffer<ArrayBuffer> | "end" | null {
    const block = scratchBlock();
    for (;;) {
      this.flushIn();
      if (this.#unread === 0 && !this.#isEndTold) return null;
      const count = this.#receive(this.#session, block.base, ROOM_TO_READ) as number;
      if (count !== GNUTLS_E.INTERRUPTED && this.#unread > 0) this.#unread--;
      if (count > 0) return copied(block, Buffer.allocUnsafeSlow(count));
      if (count === 0) return "end";
      this.#otherRecords++;
      // A record without data for us, such as a ticket: what follows may be there already.
      if (count === GNUTLS_E.AGAIN || count === GNUTLS_E.INTERRUPTED) continue;
      if (count === GNUTLS_E.REHANDSHAKE) this.#refuseHandshake();
      else if (this.#gnutls.int("gnutls_error_is_fatal", intWord(count)) !== 0) {
        throw tlsError(this.#gnutls, "read what the peer sends", count, this.#session);
      }
    }
  }

  /**
   * How many records of the peer have been something else than data: after each there may be an answer in the output, or
   * something to take the session up again with.
   */
  get otherRecords(): number {
    return this.#otherRecords;
  }

  /** A handshake in the middle of the connection would sign on the token, on the event loop (RFC 5746 §4.2). */
  #refuseHandshake(): void {
    this.#gnutls.int("gnutls_alert_send", this.#session, GNUTLS.AL_WARNING, GNUTLS.A_NO_RENEGOTIATION);
  }

  /**
   * Encrypts bytes; `output` is told to take what has become of them in between.
   *
   * @throws {TlsError} when the session has failed
   */
  write(bytes: Uint8Array, output: () => void): void {
    const block = scratchBlock();
    for (let done = 0; done < bytes.length;) {
      const piece = bytes.length <= RECORD ? bytes : bytes.subarray(done, done + RECORD);
      block.bytes.set(piece);
      let sent = this.#send(this.#session, block.base, BigInt(piece.length)) as number;
      while (sent === GNUTLS_E.AGAIN || sent === GNUTLS_E.INTERRUPTED) {
        output();
        // The record is made; what is left of it goes out.
        sent = this.#send(this.#session, 0n, 0n) as number;
      }
      if (sent < 0) throw tlsError(this.#gnutls, "write to the peer", sent, this.#session);
      done += sent;
    }
    output();
  }

  /** Says that nothing will follow (RFC 8446 §6.1). */
  sayGoodbye(): void {
    this.#gnutls.int("gnutls_bye", this.#session, GNUTLS.SHUT_WR);
  }

  /** Frees the session. No call on it may be under way. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#incoming = [];
    this.#gnutls.call("gnutls_deinit", this.#session);
    this.#pair.close();
    this.#credentials?.release();
    giveMemory(this.#kept);
  }
}

let blocks: BlockPool | null = null;

/** Memory for one session; worker threads know that of earlier ones, and need not be told of it. */
function takeMemory(): Block {
  return (blocks ??= new BlockPool(nativeRuntime(), nativeAbi(), ROOM)).take();
}

function giveMemory(block: Block): void {
  // Sessions of the peer's tickets and the like may have been in it.
  block.secret = true;
  blocks!.give(block);
}

const empty = new WeakMap<Gnutls, bigint>();

/** Credentials without a certificate and without anybody who is trusted; one for all sessions, as nothing changes them. */
function noCredentials(gnutls: Gnutls): bigint {
  let handle = empty.get(gnutls);
  if (handle === undefined) {
    const failed = (answer: number) => tlsError(gnutls, "prepare TLS", answer);
    empty.set(gnutls, handle = made(gnutls, "gnutls_certificate_allocate_credentials", [], failed));
  }
  return handle;
}

/** gnutls_typed_vdata_st[2]: the name and the purpose the certificate must be for. */
function putWanted(block: Block, host: string): bigint {
  const at = block.alloc(2 * GNUTLS_SIZES.typedData);
  const wanted = [[GNUTLS.DT_DNS_HOSTNAME, host], [GNUTLS.DT_KEY_PURPOSE_OID, SERVER_PURPOSE]] as const;
  wanted.forEach(([type, text], index) => {
    const entry = at + index * GNUTLS_SIZES.typedData;
    block.view.setInt32(entry, type, true);
    block.setPointer(entry + 8, putText(block, text));
    block.view.setUint32(entry + 16, 0, true);
  });
  return block.address(at);
}
