/** What GnuTLS signs handshakes with: certificate chain, key of the token and trusted authorities, lent one per handshake. */
import { GNUTLS, type Gnutls, GNUTLS_SIZES } from "../../ffi/tables/gnutls.ts";
import { made, memory, putData, putText } from "./native_memory.ts";
import { checked, tlsError } from "./gnutls.ts";
import type { Roots } from "./trust.ts";
import { callNative, MOST_AT_ONCE, step, type Work } from "./work.ts";

const ACTION = "load the client certificate and its key";

/** A certificate and where its key is. */
export interface KeySource {
  /** The certificate and those it is signed with, in DER. */
  readonly chain: readonly Uint8Array[];
  /** The key's URI, without any PIN. */
  readonly keyUri: string;
}

/** One set of credentials: GnuTLS signs with one session of the token in each, so they serve one handshake at a time. */
export class Credentials {
  /** The number in GnuTLS. */
  readonly handle: bigint;
  /** Whom they trust. */
  roots: object | null = null;
  /** No handshake gets them any more. */
  isStale = false;
  readonly #gnutls: Gnutls;
  /** Sessions and handshakes that use them, and the pool. */
  #users = 1;

  private constructor(gnutls: Gnutls, handle: bigint) {
    this.#gnutls = gnutls;
    this.handle = handle;
  }

  /**
   * Loads credentials.
   *
   * @param isChecked Whether certificate and key have been seen to fit; otherwise the key makes a signature now.
   * @throws {TlsError} where the key cannot be found or used, or is not the certificate's
   */
  static *load(gnutls: Gnutls, source: KeySource, isChecked: boolean): Work<Credentials> {
    const failed = (answer: number) => tlsError(gnutls, ACTION, answer);
    const handle = made(gnutls, "gnutls_certificate_allocate_credentials", [], failed);
    try {
      if (isChecked) gnutls.call("gnutls_certificate_set_flags", handle, GNUTLS.CERTIFICATE_SKIP_KEY_CERT_MATCH);
      yield* setKey(gnutls, handle, source);
      return new Credentials(gnutls, handle);
    } catch (error) {
      gnutls.call("gnutls_certificate_free_credentials", handle);
      throw error;
    }
  }

  /** Has them trust these from now on. No handshake may be under way. */
  *trust(roots: Roots): Work<void> {
    if (this.roots === roots.key) return;
    const list = yield* trustList(this.#gnutls, roots);
    // The list is the credentials' own from now on; the one before is freed.
    this.#gnutls.call("gnutls_certificate_set_trust_list", this.handle, list, 0n);
    this.roots = roots.key;
  }

  /** One more uses them. */
  hold(): void {
    this.#users++;
  }

  /** One fewer does; the last one frees them. */
  release(): void {
    if (--this.#users === 0) this.#gnutls.call("gnutls_certificate_free_credentials", this.handle);
  }
}

function* setKey(gnutls: Gnutls, credentials: bigint, { chain, keyUri }: KeySource): Work<void> {
  const failed = (answer: number) => tlsError(gnutls, ACTION, answer);
  const block = memory(GNUTLS_SIZES.pcert * chain.length + 64);
  const first = block.alloc(GNUTLS_SIZES.pcert * chain.length);
  const key = made(gnutls, "gnutls_privkey_init", [], failed);
  let read = 0;
  try {
    const importUrl = gnutls.get("gnutls_privkey_import_url");
    checked(gnutls, ACTION, yield* callNative({ fn: importUrl, args: [key, putText(block, keyUri), 0n] }, block));
    for (; read < chain.length; read++) {
      const at = block.address(first + read * GNUTLS_SIZES.pcert);
      const datum = putData(block, [chain[read]!]);
      checked(gnutls, ACTION, gnutls.int("gnutls_pcert_import_x509_raw", at, datum, GNUTLS.X509_FMT_DER, 0n));
    }
    const args = [credentials, 0n, 0n, block.address(first), BigInt(chain.length), key];
    checked(gnutls, ACTION, yield* callNative({ fn: gnutls.get("gnutls_certificate_set_key"), args }, block));
  } catch (error) {
    for (let each = 0; each < read; each++) {
      gnutls.call("gnutls_pcert_deinit", block.address(first + each * GNUTLS_SIZES.pcert));
    }
    gnutls.call("gnutls_privkey_deinit", key);
    throw error;
  }
}

/** The credentials of one certificate and key. */
export class CredentialPool {
  readonly #gnutls: Gnutls;
  readonly #source: KeySource;
  readonly #lent = new Set<Credentials>();
  #free: Credentials[] = [];
  #waiting: (() => void)[] = [];
  #count = 0;
  #isChecked = false;
  #isClosed = false;
  /** Counts the times all credentials were given up. */
  #generation = 0;
  readonly #ready: () => Work<void>;

  /** Makes a pool; nothing is loaded yet. `ready` sees to it that the token can be loaded from. */
  constructor(gnutls: Gnutls, source: KeySource, ready: () => Work<void>) {
    this.#gnutls = gnutls;
    this.#source = source;
    this.#ready = ready;
  }

  /** Credentials for one handshake, to be given back with {@linkcode CredentialPool.give}. */
  *take(roots: Roots): Work<Credentials> {
    let isBlocked = false;
    while (this.#free.length === 0 && this.#count >= MOST_AT_ONCE && !isBlocked) {
      // Nobody gives any back while the thread waits.
      yield* step(() => void (isBlocked = true), () => new Promise<void>((resolve) => this.#waiting.push(resolve)));
    }
    const credentials = this.#takeFree(roots) ?? (yield* this.#load());
    this.#lent.add(credentials);
    try {
      yield* credentials.trust(roots);
    } catch (error) {
      this.give(credentials);
      throw error;
    }
    return credentials;
  }

  /** Takes credentials back after their handshake. */
  give(credentials: Credentials): void {
    this.#lent.delete(credentials);
    if (this.#isClosed || credentials.isStale) this.#drop(credentials);
    else this.#free.push(credentials);
    this.#waiting.shift()?.();
  }

  /** The token has refused: whoever comes next gets credentials that are loaded anew. */
  giveUpAll(): void {
    this.#generation++;
    for (const credentials of this.#lent) credentials.isStale = true;
    for (const credentials of this.#free.splice(0)) this.#drop(credentials);
  }

  /** Frees what no session uses; the rest goes with its sessions. */
  close(): void {
    this.#isClosed = true;
    this.giveUpAll();
  }

  #takeFree(roots: Roots): Credentials | undefined {
    const fitting = this.#free.findIndex((each) => each.roots === roots.key);
    return this.#free.splice(Math.max(0, fitting), 1)[0];
  }

  *#load(): Work<Credentials> {
    this.#count++;
    try {
      yield* this.#ready();
      const generation = this.#generation;
      const credentials = yield* Credentials.load(this.#gnutls, this.#source, this.#isChecked);
      this.#isChecked = true;
      credentials.isStale = generation !== this.#generation;
      return credentials;
    } catch (error) {
      this.#count--;
      this.#waiting.shift()?.();
      throw error;
    }
  }

  #drop(credentials: Credentials): void {
    this.#count--;
    credentials.release();
  }
}

/** Makes a trust list of GnuTLS; parsing many certificates takes a while. */
function* trustList(gnutls: Gnutls, { pem }: Roots): Work<bigint> {
  const action = "load the trusted authorities";
  const failed = (answer: number) => tlsError(gnutls, action, answer);
  const list = made(gnutls, "gnutls_x509_trust_list_init", [0n], failed);
  try {
    if (pem === null) {
      const fn = gnutls.get("gnutls_x509_trust_list_add_system_trust");
      checked(gnutls, action, yield* callNative({ fn, args: [list, 0n, 0n] }));
    } else if (pem !== "") {
      const text = new TextEncoder().encode(pem);
      const block = memory(text.length + 64);
      const args = [list, putData(block, [text]), 0n, GNUTLS.X509_FMT_PEM, 0n, 0n];
      const fn = gnutls.get("gnutls_x509_trust_list_add_trust_mem");
      checked(gnutls, action, yield* callNative({ fn, args }, block));
    }
    return list;
  } catch (error) {
    gnutls.call("gnutls_x509_trust_list_deinit", list, 1n);
    throw error;
  }
}
