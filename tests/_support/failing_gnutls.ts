// The system's GnuTLS with functions that fail when they are told to.
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { gnutlsPath } from "../../tools/native_libraries.ts";
import { compileLibrary } from "./c_assertions.ts";

/** Functions that can be told to fail. */
const FUNCTIONS = [
  "gnutls_pkcs11_add_provider",
  "gnutls_privkey_import_url",
  "gnutls_certificate_set_key",
  "gnutls_handshake",
] as const;

/** Everything else of GnuTLS is found through the library, which needs it. */
const source = (path: string) => `
#include <dlfcn.h>
static int errors[8], passes[8];
void failing_set(int which, int error, int after) { errors[which] = error; passes[which] = after; }
static int fails(int which) { return errors[which] != 0 && passes[which]-- <= 0; }
static void *real(const char *name) { return dlsym(dlopen("${path}", RTLD_LAZY), name); }
typedef int (*Function)(void *, void *, void *, void *, void *, void *);
#define FAILING(which, name) int name(void *a, void *b, void *c, void *d, void *e, void *f) { \\
  return fails(which) ? errors[which] : ((Function) real(#name))(a, b, c, d, e, f); }
${FUNCTIONS.map((name, index) => `FAILING(${index}, ${name})`).join("\n")}
`;

/** A compiled library. */
export class FailingGnutls {
  /** The library. */
  readonly path: string = compileLibrary("failing-gnutls", source(gnutlsPath()!), [gnutlsPath()!]);

  /** From now on a function answers with an error behind so many calls that go well; 0 is none. */
  fail(name: (typeof FUNCTIONS)[number], error: number, after = 0): void {
    const set = nativeRuntime().open(this.path).bind("failing_set", 3, "void")!;
    set(BigInt(FUNCTIONS.indexOf(name)), BigInt.asUintN(64, BigInt(error)), BigInt(after));
  }
}
