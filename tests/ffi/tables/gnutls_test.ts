import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import {
  GNUTLS,
  Gnutls,
  GNUTLS_CERT,
  GNUTLS_E,
  GNUTLS_FUNCTIONS,
  GNUTLS_SIZES,
  type GnutlsFunction,
  NotGnutlsError,
} from "../../../ffi/tables/gnutls.ts";
import { NotSupportedError } from "../../../internal/error_brand.ts";
import { groupsOf, inOrder, openGnutls, priorities, whyUnusable } from "../../../session/tls/gnutls.ts";
import { gnutlsPath } from "../../../tools/native_libraries.ts";
import { compileLibrary, failedAssertions } from "../../_support/c_assertions.ts";
import { compilerSkip } from "../../_support/c_compiler.ts";

const skip = gnutlsPath() === null ? "GnuTLS is not installed" : false;
const noHeaders = compilerSkip ||
  (existsSync("/usr/include/gnutls/abstract.h") ? false : "the headers of GnuTLS are not installed");

/** What the headers have with a letter missing. */
const misspelt: Readonly<Record<string, string>> = {
  GNUTLS_E_PKCS11_REQUESTED_OBJECT_NOT_AVAILABLE: "GNUTLS_E_PKCS11_REQUESTED_OBJECT_NOT_AVAILBLE",
};

describe("Gnutls", { skip }, () => {
  it("is found where systems keep it, and has every function of the table", () => {
    assert(Gnutls.candidates().some((path) => existsSync(path)));
    const gnutls = Gnutls.open(gnutlsPath()!);
    for (const name of Object.keys(GNUTLS_FUNCTIONS) as GnutlsFunction[]) {
      assertEquals(gnutls.get(name).arity, GNUTLS_FUNCTIONS[name].length - 1);
    }
    assertMatch(gnutls.version, /^3\.\d+\.\d+/);
    assertThrows(() => gnutls.call("gnutls_deinit"), TypeError, "takes 1 arguments");
  });

  it("is refused where it lacks PKCS#11 or TLS 1.3", { skip: compilerSkip }, () => {
    const check = 'const char *gnutls_check_version(const char *wanted) { return wanted ? 0 : "3.5.8"; }\n';
    const bare = compileLibrary("bare-gnutls", check);
    assertThrows(() => Gnutls.open(bare), NotGnutlsError, "it was built without PKCS#11 (p11-kit)");
    const old = compileLibrary("old-gnutls", `${check}int gnutls_pkcs11_init(unsigned a, void *b) { return 0; }\n`);
    assertThrows(() => Gnutls.open(old), NotGnutlsError, "its version is 3.5.8, and TLS 1.3 needs 3.6.5 or later");
  });

  it("is refused with what was tried and what to install, as the system's own", { skip: compilerSkip }, () => {
    const bare = compileLibrary("no-p11-kit", 'const char *gnutls_check_version(void) { return "3.8.9"; }\n');
    for (
      const [path, reason] of [[bare, "it was built without PKCS#11 (p11-kit)"], ["/nowhere/gnutls.so", "nowhere"]]
    ) {
      const error = assertThrows(() => openGnutls(path), NotSupportedError);
      for (const part of [`tried ${path} (`, reason!, "Install libgnutls30 (Debian", "gnutls (Fedora, Arch, Alpine)"]) {
        assertStringIncludes(error.message, part);
      }
    }
    assertEquals(Gnutls.candidates("darwin").at(-1), "libgnutls.30.dylib");
    const tried = ["/opt/homebrew/lib/libgnutls.30.dylib (no such file)"];
    const macos = whyUnusable("darwin", tried);
    assertStringIncludes(macos, "(libgnutls.30.dylib, 3.6.5 or later, built with p11-kit)");
    assertStringIncludes(macos, `tried ${tried[0]}. Install gnutls (Homebrew)`);
    assertMatch(
      whyUnusable("linux", ["a (b)", "c (d)"]),
      /\(libgnutls\.so\.30, .*; tried a \(b\); c \(d\)\. Install libgnutls30/,
    );
    assertMatch(whyUnusable("win32", []), /need GnuTLS.* Windows has no pairs of sockets/);
  });

  it("has sessions prefer X25519 to P-256, and offer what the policy allows", () => {
    const gnutls = openGnutls();
    const groups = (policy: string) => groupsOf(gnutls, inOrder(gnutls, policy));
    const only = (...names: readonly string[]) => ["-GROUP-ALL", ...names.map((name) => `+GROUP-${name}`)].join(":");
    for (
      const [allowed, wanted] of [
        [["SECP384R1", "SECP256R1", "FFDHE2048", "X25519"], ["SECP384R1", "X25519", "SECP256R1", "FFDHE2048"]],
        [["X25519", "SECP384R1", "SECP256R1"], ["X25519", "SECP384R1", "SECP256R1"]],
        [["SECP384R1", "SECP256R1"], ["SECP384R1", "SECP256R1"]],
        [["SECP384R1", "X25519"], ["SECP384R1", "X25519"]],
      ] as const
    ) assertEquals(groups(only(...allowed)), [...wanted]);
    assertEquals(priorities(gnutls), priorities(gnutls));
  });

  it("has the numbers and sizes of the headers", { skip: noHeaders }, () => {
    const named = (prefix: string, table: object) =>
      Object.entries(table).map(([key, value]) => [`GNUTLS_${prefix}${key}`, value] as const);
    const numbers = [...named("CERT_", GNUTLS_CERT), ...named("E_", GNUTLS_E), ...named("", GNUTLS)];
    const sizes = [
      `_Static_assert(sizeof(gnutls_datum_t) == ${GNUTLS_SIZES.datum}, "datum");`,
      `_Static_assert(sizeof(gnutls_typed_vdata_st) == ${GNUTLS_SIZES.typedData}, "typed data");`,
      `_Static_assert(sizeof(gnutls_pcert_st) == ${GNUTLS_SIZES.pcert}, "pcert");`,
    ];
    const asserted = numbers.map(([name, value]) =>
      `_Static_assert((long)${misspelt[name] ?? name} == ${value}, "${name}");`
    );
    const includes = "#include <gnutls/gnutls.h>\n#include <gnutls/abstract.h>\n#include <gnutls/pkcs11.h>\n";
    assertEquals(failedAssertions(`${includes}${[...asserted, ...sizes].join("\n")}\n`), []);
  });
});
