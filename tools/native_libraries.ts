// Where the native libraries that tests, benchmarks and the demo use are found. Plain `node:` code: it runs on every runtime.
import { existsSync } from "node:fs";
import process from "node:process";

const multiarch = {
  x64: "x86_64-linux-gnu",
  arm64: "aarch64-linux-gnu",
  arm: "arm-linux-gnueabihf",
  riscv64: "riscv64-linux-gnu",
}[process.arch as string] ?? `${process.arch}-linux-gnu`;

/** Library folders of the system, most specific first. */
const libraryFolders: readonly string[] = [
  `/usr/lib/${multiarch}`,
  `/lib/${multiarch}`,
  "/usr/lib64",
  "/usr/lib",
  "/usr/local/lib",
  "/opt/homebrew/lib",
  "/opt/homebrew/opt/nss/lib",
  "/usr/local/opt/nss/lib",
];

function firstExisting(names: readonly string[]): string | null {
  for (const folder of libraryFolders) {
    for (const name of names) {
      const path = `${folder}/${name}`;
      if (existsSync(path)) return path;
    }
  }
  return null;
}

/** SoftHSM2's module: `PKCS11_MODULE` if set, else the system's, else null. */
export function softhsmPath(): string | null {
  const chosen = process.env.PKCS11_MODULE;
  if (chosen) return chosen;
  if (process.platform === "win32") {
    return ["C:\\SoftHSM2\\lib\\softhsm2-x64.dll", "C:\\SoftHSM2\\lib\\softhsm2.dll"].find((p) => existsSync(p)) ??
      null;
  }
  return firstExisting(["softhsm/libsofthsm2.so", "pkcs11/libsofthsm2.so", "softhsm/libsofthsm.so"]);
}

/** NSS's software token, or null. */
export function softoknPath(): string | null {
  return firstExisting(["libsoftokn3.so", "nss/libsoftokn3.so", "libsoftokn3.dylib"]);
}

/** The PKCS#11 module of TPMs, or null. */
export function tpm2Pkcs11Path(): string | null {
  return firstExisting(["pkcs11/libtpm2_pkcs11.so", "libtpm2_pkcs11.so", "libtpm2_pkcs11.so.1"]);
}

/** libp11-kit, or null. */
export function p11KitPath(): string | null {
  return firstExisting(["libp11-kit.so.0", "libp11-kit.0.dylib"]);
}

/** A module that p11-kit brings along: its trust module or its client for remote modules. */
export function p11KitModulePath(name: "trust" | "client"): string | null {
  return firstExisting([`pkcs11/p11-kit-${name}.so`]);
}

/** GnuTLS, or null. */
export function gnutlsPath(): string | null {
  return firstExisting(["libgnutls.so.30", "libgnutls.30.dylib"]);
}

/** The C library as Deno finds it, or null. */
export function cLibraryPath(): string | null {
  return [`/lib/${multiarch}/libc.so.6`, "/lib64/libc.so.6"].find((path) => existsSync(path)) ?? null;
}

/** GCC's library of atomic operations, or null. */
export function libatomicPath(): string | null {
  return firstExisting(["libatomic.so.1"]);
}

/** The first of these programs that stands in PATH or in the system's own folders, or null. */
export function programPath(...names: string[]): string | null {
  const folders = [
    ...(process.env.PATH ?? "").split(":"),
    "/usr/sbin",
    "/sbin",
    "/usr/bin",
    "/opt/homebrew/bin",
    "/opt/homebrew/sbin",
  ];
  for (const name of names) {
    for (const folder of folders) {
      if (folder && existsSync(`${folder}/${name}`)) return `${folder}/${name}`;
    }
  }
  return null;
}
