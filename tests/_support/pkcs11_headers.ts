// The PKCS#11 headers of this machine, to compare numbers and layouts with.
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";

/** A header a C program can include. */
export interface Pkcs11Header {
  /** Its name in a test's name. */
  readonly name: string;
  /** C text that includes it. */
  readonly prelude: string;
  /** Compiler options it needs. */
  readonly options: readonly string[];
  /** Its own text. */
  readonly text: string;
  /** Names it defines beside the standard's. */
  readonly own: RegExp;
  /** Names it has other numbers for than the standard: slips, or a vendor's numbers from before the standard's. */
  readonly differs: readonly string[];
}

const macros = `
#define CK_PTR *
#define CK_DECLARE_FUNCTION(type, name) type name
#define CK_DECLARE_FUNCTION_POINTER(type, name) type (*name)
#define CK_CALLBACK_FUNCTION(type, name) type (*name)
#define NULL_PTR 0
`;

interface Candidate {
  readonly name: string;
  readonly path: string;
  readonly options: readonly string[];
  readonly own: RegExp;
  readonly differs: readonly string[];
}

const nothing = /^$/;

const candidates: readonly Candidate[] = [
  {
    name: "p11-kit",
    path: "/usr/include/p11-kit-1/p11-kit/pkcs11.h",
    options: ["-DCRYPTOKI_COMPAT"],
    own: /^(CK_SPEC|CKC_OPENPGP|CK_OTP_FORMAT|CK_FUNCTION_LIST_)$/,
    differs: [
      "CKR_EXCEEDED_MAX_ITERATIONS",
      "CKR_FIPS_SELF_TEST_FAILED",
      "CKR_LIBRARY_LOAD_FAILED",
      "CKR_PIN_TOO_WEAK",
      "CKR_PUBLIC_KEY_INVALID",
    ],
  },
  {
    name: "NSS",
    path: "/usr/include/nss/pkcs11t.h",
    options: ["-I/usr/include/nspr", "-I/usr/include/nss"],
    own:
      /^(CKA_TRUST|CKA_CERT_|CKA_DIGEST|CKA_FLAGS_ONLY|CK[KTM]_(INVALID_|VENDOR_DEF)|CKM_(TLS_PRF_GENERAL|FAKE_RANDOM))/,
    differs: [
      "CKA_TRUST_SERVER_AUTH",
      "CKA_TRUST_CLIENT_AUTH",
      "CKA_TRUST_CODE_SIGNING",
      "CKA_TRUST_EMAIL_PROTECTION",
      "CKA_TRUST_TIME_STAMPING",
    ],
  },
  { name: "openCryptoki", path: "/usr/include/opencryptoki/pkcs11types.h", options: [], own: /_IBM_/, differs: [] },
  ...(process.env["GP11_PKCS11_HEADERS"]?.split(":") ?? []).map((path) => ({
    name: path,
    path,
    options: [],
    own: nothing,
    differs: [],
  })),
];

/** Every header that is there; more can be named, separated by colons, in GP11_PKCS11_HEADERS. */
export const pkcs11Headers: readonly Pkcs11Header[] = candidates.filter(({ path }) => existsSync(path)).map((
  { name, path, options, own, differs },
) => ({
  name,
  own,
  differs,
  prelude: `${name === "p11-kit" || name === "NSS" ? "" : macros}#include <stddef.h>\n#include "${path}"\n`,
  options,
  text: readFileSync(path, "utf8"),
}));
