/** GnuTLS by its symbol table: TLS with a client key that stays in its token, and what of the C library carries it. */
import type { NativeLibrary } from "../runtime/native.ts";
import { nativeRuntime } from "../runtime/runtime.ts";
import { cString, systemLibraryPaths, textAt } from "./system_library.ts";
import { BoundFunction } from "./cryptoki.ts";

/** GnuTLS's functions, and the C library's that are reached through it: what each returns and its parameters. */
export const GNUTLS_FUNCTIONS = {
  gnutls_check_version: ["u64", "const char *required"], // const char *
  gnutls_strerror: ["u64", "int error"], // const char *
  gnutls_strerror_name: ["u64", "int error"], // const char *
  gnutls_error_is_fatal: ["i32", "int error"],

  gnutls_pkcs11_init: ["i32", "unsigned flags", "const char *deprecated_config"],
  gnutls_pkcs11_add_provider: ["i32", "const char *module_path", "const char *parameters"],
  gnutls_privkey_init: ["i32", "gnutls_privkey_t *key"],
  gnutls_privkey_import_url: ["i32", "gnutls_privkey_t key", "const char *url", "unsigned flags"],
  gnutls_privkey_deinit: ["void", "gnutls_privkey_t key"],

  gnutls_pcert_import_x509_raw: [
    "i32",
    "gnutls_pcert_st *certificate",
    "const gnutls_datum_t *bytes",
    "gnutls_x509_crt_fmt_t format",
    "unsigned flags",
  ],
  gnutls_pcert_deinit: ["void", "gnutls_pcert_st *certificate"],
  gnutls_certificate_allocate_credentials: ["i32", "gnutls_certificate_credentials_t *credentials"],
  gnutls_certificate_free_credentials: ["void", "gnutls_certificate_credentials_t credentials"],
  gnutls_certificate_set_flags: ["void", "gnutls_certificate_credentials_t credentials", "unsigned flags"],
  gnutls_certificate_set_key: [
    "i32",
    "gnutls_certificate_credentials_t credentials",
    "const char **names",
    "int names_size",
    "gnutls_pcert_st *chain",
    "int chain_size",
    "gnutls_privkey_t key",
  ],
  gnutls_certificate_set_trust_list: [
    "void",
    "gnutls_certificate_credentials_t credentials",
    "gnutls_x509_trust_list_t list",
    "unsigned flags",
  ],
  gnutls_x509_trust_list_init: ["i32", "gnutls_x509_trust_list_t *list", "unsigned size"],
  gnutls_x509_trust_list_deinit: ["void", "gnutls_x509_trust_list_t list", "unsigned all"],
  gnutls_x509_trust_list_add_trust_mem: [
    "i32",
    "gnutls_x509_trust_list_t list",
    "const gnutls_datum_t *authorities",
    "const gnutls_datum_t *revoked",
    "gnutls_x509_crt_fmt_t format",
    "unsigned list_flags",
    "unsigned verify_flags",
  ],
  gnutls_x509_trust_list_add_system_trust: [
    "i32",
    "gnutls_x509_trust_list_t list",
    "unsigned list_flags",
    "unsigned verify_flags",
  ],

  gnutls_init: ["i32", "gnutls_session_t *session", "unsigned flags"],
  gnutls_deinit: ["void", "gnutls_session_t session"],
  gnutls_priority_init2: [
    "i32",
    "gnutls_priority_t *priorities",
    "const char *text",
    "const char **error_at",
    "unsigned flags",
  ],
  gnutls_priority_deinit: ["void", "gnutls_priority_t priorities"],
  gnutls_priority_set: ["i32", "gnutls_session_t session", "gnutls_priority_t priorities"],
  gnutls_priority_group_list: ["i32", "gnutls_priority_t priorities", "const unsigned **list"],
  gnutls_group_get_name: ["u64", "gnutls_group_t group"], // const char *
  gnutls_credentials_set: ["i32", "gnutls_session_t session", "gnutls_credentials_type_t type", "void *credentials"],
  gnutls_server_name_set: [
    "i32",
    "gnutls_session_t session",
    "gnutls_server_name_type_t type",
    "const void *name",
    "size_t length",
  ],
  gnutls_alpn_set_protocols: [
    "i32",
    "gnutls_session_t session",
    "const gnutls_datum_t *protocols",
    "unsigned count",
    "unsigned flags",
  ],
  gnutls_alpn_get_selected_protocol: ["i32", "gnutls_session_t session", "gnutls_datum_t *protocol"],
  gnutls_transport_set_int2: ["void", "gnutls_session_t session", "int receive", "int send"],
  gnutls_session_set_verify_cert2: [
    "void",
    "gnutls_session_t session",
    "gnutls_typed_vdata_st *wanted",
    "unsigned count",
    "unsigned flags",
  ],
  gnutls_session_get_verify_cert_status: ["u32", "gnutls_session_t session"],
  gnutls_certificate_verify_peers: [
    "i32",
    "gnutls_session_t session",
    "gnutls_typed_vdata_st *wanted",
    "unsigned count",
    "unsigned *status",
  ],
  gnutls_certificate_get_peers: ["u64", "gnutls_session_t session", "unsigned *count"], // const gnutls_datum_t *
  gnutls_certificate_get_ours: ["u64", "gnutls_session_t session"], // const gnutls_datum_t *
  gnutls_certificate_client_get_request_status: ["u32", "gnutls_session_t session"],

  gnutls_handshake: ["i32", "gnutls_session_t session"],
  gnutls_bye: ["i32", "gnutls_session_t session", "gnutls_close_request_t how"],
  gnutls_record_send: ["i32", "gnutls_session_t session", "const void *data", "size_t size"],
  gnutls_record_recv: ["i32", "gnutls_session_t session", "void *data", "size_t size"],
  gnutls_alert_get: ["i32", "gnutls_session_t session"],
  gnutls_alert_get_name: ["u64", "gnutls_alert_description_t alert"], // const char *
  gnutls_alert_send: ["i32", "gnutls_session_t session", "gnutls_alert_level_t level", "int description"],
  gnutls_alert_send_appropriate: ["i32", "gnutls_session_t session", "int error"],

  gnutls_session_is_resumed: ["i32", "gnutls_session_t session"],
  gnutls_session_get_flags: ["u32", "gnutls_session_t session"],
  gnutls_session_get_data2: ["i32", "gnutls_session_t session", "gnutls_datum_t *data"],
  gnutls_session_set_data: ["i32", "gnutls_session_t session", "const void *data", "size_t size"],
  gnutls_protocol_get_version: ["i32", "gnutls_session_t session"],
  gnutls_protocol_get_name: ["u64", "gnutls_protocol_t version"], // const char *
  gnutls_kx_get: ["i32", "gnutls_session_t session"],
  gnutls_cipher_get: ["i32", "gnutls_session_t session"],
  gnutls_mac_get: ["i32", "gnutls_session_t session"],
  gnutls_cipher_suite_get_name: ["u64", "int kx", "int cipher", "int mac"], // const char *

  socketpair: ["i32", "int domain", "int type", "int protocol", "int pair[2]"],
  fcntl: ["i32", "int fd", "int command", "long", "long", "long", "long", "long", "long", "long argument"],
  setsockopt: ["i32", "int fd", "int level", "int option", "const void *value", "socklen_t size"],
  send: ["i32", "int fd", "const void *data", "size_t size", "int flags"], // ssize_t
  recv: ["i32", "int fd", "void *data", "size_t size", "int flags"], // ssize_t
  shutdown: ["i32", "int fd", "int how"],
  close: ["i32", "int fd"],
  free: ["void", "void *memory"],
  memcmp: ["i32", "const void *one", "const void *other", "size_t size"],
} as const;

/** Name of a function of {@linkcode GNUTLS_FUNCTIONS}. */
export type GnutlsFunction = keyof typeof GNUTLS_FUNCTIONS;

/** What GnuTLS answers; all errors are negative. */
export const GNUTLS_E = {
  UNEXPECTED_PACKET_LENGTH: -9,
  FATAL_ALERT_RECEIVED: -12,
  UNEXPECTED_PACKET: -15,
  WARNING_ALERT_RECEIVED: -16,
  AGAIN: -28,
  REHANDSHAKE: -37,
  INTERRUPTED: -52,
  REQUESTED_DATA_NOT_AVAILABLE: -56,
  CERTIFICATE_KEY_MISMATCH: -60,
  PREMATURE_TERMINATION: -110,
  PKCS11_ERROR: -300,
  PKCS11_LOAD_ERROR: -301,
  PKCS11_PIN_ERROR: -303,
  PKCS11_DEVICE_ERROR: -308,
  PKCS11_DATA_ERROR: -309,
  PKCS11_REQUESTED_OBJECT_NOT_AVAILABLE: -323,
  CERTIFICATE_VERIFICATION_ERROR: -348,
} as const;

/** Why a certificate is not trusted: bits of gnutls_certificate_status_t. */
export const GNUTLS_CERT = {
  INVALID: 0x2,
  REVOKED: 0x20,
  SIGNER_NOT_FOUND: 0x40,
  SIGNER_NOT_CA: 0x80,
  INSECURE_ALGORITHM: 0x100,
  NOT_ACTIVATED: 0x200,
  EXPIRED: 0x400,
  SIGNATURE_FAILURE: 0x800,
  REVOCATION_DATA_SUPERSEDED: 0x1000,
  UNEXPECTED_OWNER: 0x4000,
  REVOCATION_DATA_ISSUED_IN_FUTURE: 0x8000,
  SIGNER_CONSTRAINTS_FAILURE: 0x10000,
  MISMATCH: 0x20000,
  PURPOSE_MISMATCH: 0x40000,
  MISSING_OCSP_STATUS: 0x80000,
  INVALID_OCSP_STATUS: 0x100000,
  UNKNOWN_CRIT_EXTENSIONS: 0x200000,
} as const;

/** Other numbers of GnuTLS's headers that are handed to it. */
export const GNUTLS = {
  PKCS11_FLAG_MANUAL: 0n,
  PRIORITY_INIT_DEF_APPEND: 1n,
  X509_FMT_DER: 0n,
  X509_FMT_PEM: 1n,
  CRD_CERTIFICATE: 1n,
  CERTIFICATE_SKIP_KEY_CERT_MATCH: 1n,
  CLIENT: 2n,
  NONBLOCK: 8n,
  NO_SIGNAL: 64n,
  FORCE_CLIENT_CERT: 512n,
  NAME_DNS: 1n,
  DT_DNS_HOSTNAME: 1,
  DT_KEY_PURPOSE_OID: 2,
  SHUT_WR: 1n,
  AL_WARNING: 1n,
  A_NO_RENEGOTIATION: 100n,
  SFLAGS_SESSION_TICKET: 0x80,
} as const;

/** Bytes of the structures that cross the border: their members are public, and of every soname 30 the same. */
export const GNUTLS_SIZES = { datum: 16, typedData: 24, pcert: 32 } as const;

/** The oldest version with TLS 1.3 as it is in use. */
const OLDEST = "3.6.5";

/** Why a library cannot be used as GnuTLS. */
export class NotGnutlsError extends Error {
  /** The name of this class. */
  override readonly name = "NotGnutlsError";

  /** Says why, in half a sentence. */
  constructor(path: string, reason: string) {
    super(`Cannot use ${path} as GnuTLS: ${reason}`);
  }
}

/** GnuTLS as this process sees it. */
export class Gnutls {
  /** The path it was opened by. */
  readonly path: string;
  readonly #library: NativeLibrary;
  readonly #bound = new Map<GnutlsFunction, BoundFunction>();

  private constructor(library: NativeLibrary) {
    this.#library = library;
    this.path = library.path;
  }

  /**
   * Opens GnuTLS. Throws the loader's error where there is none.
   *
   * @throws {NotGnutlsError} when it is too old, or was built without PKCS#11
   */
  static open(path: string): Gnutls {
    const gnutls = new Gnutls(nativeRuntime().open(path));
    const lacks = (name: GnutlsFunction) => gnutls.#find(name) === null;
    if (lacks("gnutls_check_version")) throw new NotGnutlsError(path, "it has no gnutls_check_version");
    if (lacks("gnutls_pkcs11_init")) throw new NotGnutlsError(path, "it was built without PKCS#11 (p11-kit)");
    const oldest = cString(OLDEST, "GnuTLS");
    if (gnutls.call("gnutls_check_version", nativeRuntime().address(oldest)) === 0n) {
      const version = textAt(gnutls.call("gnutls_check_version", 0n) as bigint);
      throw new NotGnutlsError(path, `its version is ${version}, and TLS 1.3 needs ${OLDEST} or later`);
    }
    return gnutls;
  }

  /** Where GnuTLS is looked for: the library folders of the system, then the loader's own search. */
  static candidates(system?: string): string[] {
    const names = { elf: "libgnutls.so.30", macos: "libgnutls.30.dylib", windows: "libgnutls-30.dll" };
    const paths = systemLibraryPaths(names, system);
    return paths.length === 1 ? paths : [...paths, names[paths[0]!.endsWith(".dylib") ? "macos" : "elf"]];
  }

  /** Its version. */
  get version(): string {
    return textAt(this.call("gnutls_check_version", 0n) as bigint) ?? "";
  }

  /**
   * A function, to be called here or on a worker thread.
   *
   * @throws {NotGnutlsError} when the library does not have it
   */
  get(name: GnutlsFunction): BoundFunction {
    const fn = this.#bound.get(name) ?? this.#find(name);
    if (fn === null) throw new NotGnutlsError(this.path, `it has no ${name}`);
    return fn;
  }

  /**
   * Calls a function by its C name with raw words.
   *
   * @throws {TypeError} when the number of words is not the function's
   */
  call(name: GnutlsFunction, ...words: bigint[]): number | bigint | undefined {
    const fn = this.get(name);
    if (words.length !== fn.arity) {
      throw new TypeError(`Cannot call ${name}: it takes ${fn.arity} arguments, got ${words.length}`);
    }
    return fn.call(...words);
  }

  /** Calls a function that answers with an int. */
  int(name: GnutlsFunction, ...words: bigint[]): number {
    return this.call(name, ...words) as number;
  }

  /** What a call that answers with a text has answered; empty for none. */
  text(name: GnutlsFunction, ...words: bigint[]): string {
    return textAt(this.call(name, ...words) as bigint) ?? "";
  }

  #find(name: GnutlsFunction): BoundFunction | null {
    const [result, ...parameters] = GNUTLS_FUNCTIONS[name];
    const call = this.#library.bind(name, parameters.length, result);
    if (call === null) return null;
    const source = { kind: "symbol", path: this.path, name } as const;
    const bound = new BoundFunction(name, parameters.length, result, source, call);
    this.#bound.set(name, bound);
    return bound;
  }
}

/** A negative number as a word for a parameter that is an int. */
export function intWord(value: number): bigint {
  return BigInt.asUintN(64, BigInt(value));
}
