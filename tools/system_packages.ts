// The system packages that the demo, the tests and the benchmark stand on: which are missing, and how to get them.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import {
  gnutlsPath,
  libatomicPath,
  p11KitModulePath,
  p11KitPath,
  programPath,
  softhsmPath,
  softoknPath,
  tpm2Pkcs11Path,
} from "./native_libraries.ts";
import { run } from "./runner/process.ts";
import type { RuntimeName } from "./runner/runtimes.ts";
import { say } from "./say.ts";

/** What a machine is set up for; each needs what those before it need. */
const purposes = ["demo", "tests", "bench"] as const;
/** One of them. */
export type Purpose = (typeof purposes)[number];

/** One thing the suite uses, and the packages that bring it. */
export interface SystemNeed {
  /** What it is, in words. */
  readonly what: string;
  /** Whether the machine has it. */
  present(): boolean;
  /** Debian's packages. Those without a service of their own are preferred. */
  readonly apt: readonly string[];
  /** Homebrew's formula, or null where Homebrew has none. */
  readonly brew: string | null;
  /** The first of the purposes that asks for it. */
  readonly from: Purpose;
  /** The runtime that does not start without it. */
  readonly runtime?: RuntimeName;
}

/** Everything the suite uses. */
export const systemNeeds: readonly SystemNeed[] = [
  {
    what: "SoftHSM2, a PKCS#11 token in software",
    present: () => softhsmPath() !== null && programPath("softhsm2-util") !== null,
    apt: ["softhsm2"],
    brew: "softhsm",
    from: "demo",
  },
  { what: "NSS softokn", present: () => softoknPath() !== null, apt: ["libnss3"], brew: "nss", from: "tests" },
  {
    what: "a TPM 2.0 in software, its resource manager and its PKCS#11 module",
    present: () =>
      process.platform !== "linux" ||
      tpm2Pkcs11Path() !== null &&
        ["swtpm", "tpm2-abrmd", "dbus-daemon", "dbus-send"].every((name) => programPath(name)),
    apt: ["swtpm", "libtss2-tcti-swtpm0", "libtpm2-pkcs11-1", "tpm2-abrmd", "libtss2-tcti-tabrmd0", "dbus"],
    brew: null,
    from: "tests",
  },
  {
    what: "p11-kit",
    present: () => p11KitPath() !== null && programPath("p11-kit") !== null,
    apt: ["p11-kit", "libp11-kit0"],
    brew: "p11-kit",
    from: "tests",
  },
  {
    what: "the modules of p11-kit and the certificates they show",
    present: () => p11KitModulePath("trust") !== null,
    apt: ["p11-kit-modules", "ca-certificates"],
    brew: "p11-kit",
    from: "tests",
  },
  {
    what: "GnuTLS and its tools",
    present: () => gnutlsPath() !== null && programPath("certtool", "gnutls-certtool") !== null,
    apt: ["gnutls-bin"],
    brew: "gnutls",
    from: "tests",
  },
  {
    what: "OpenSSL's command",
    present: () => programPath("openssl") !== null,
    apt: ["openssl"],
    brew: "openssl@3",
    from: "tests",
  },
  { what: "nginx", present: () => programPath("nginx") !== null, apt: ["nginx-light"], brew: "nginx", from: "tests" },
  {
    what: "Apache httpd",
    present: () => programPath("apache2", "httpd") !== null,
    apt: ["apache2-bin"],
    brew: "httpd",
    from: "tests",
  },
  {
    what: "tinyproxy",
    present: () => programPath("tinyproxy") !== null,
    apt: ["tinyproxy-bin"],
    brew: "tinyproxy",
    from: "tests",
  },
  {
    what: "Redis, or Valkey",
    present: () => programPath("redis-server", "valkey-server") !== null,
    apt: ["redis-server"],
    brew: "redis",
    from: "tests",
  },
  {
    what: "Mosquitto, a broker of MQTT",
    present: () => programPath("mosquitto") !== null,
    apt: ["mosquitto"],
    brew: "mosquitto",
    from: "tests",
  },
  {
    what: "a C compiler, which makes the modules that misbehave on purpose",
    present: () => programPath("cc") !== null && (process.platform !== "linux" || existsSync("/usr/include/stdio.h")),
    apt: ["gcc", "libc6-dev"],
    brew: null,
    from: "tests",
  },
  {
    what: "p11-kit's headers, which results are compared through",
    present: () => process.platform !== "linux" || existsSync("/usr/include/p11-kit-1/p11-kit/uri.h"),
    apt: ["libp11-kit-dev"],
    brew: null,
    from: "tests",
  },
  {
    what: "libatomic, which Node's program from npm is linked with",
    present: () => process.platform !== "linux" || libatomicPath() !== null,
    apt: ["libatomic1"],
    brew: null,
    from: "tests",
    runtime: "node",
  },
  {
    what: "what compiles pkcs11js, which the door is compared with",
    present: () => programPath("make") !== null && programPath("g++") !== null && programPath("python3") !== null,
    apt: ["make", "g++", "python3"],
    brew: null,
    from: "bench",
  },
  {
    what: "libgck, libsoup and libcurl with their headers",
    present: () =>
      programPath("pkg-config") !== null &&
      spawnSync("pkg-config", ["--exists", "gck-1", "libsoup-3.0", "libcurl"]).status === 0,
    apt: ["pkg-config", "libgck-1-dev", "libsoup-3.0-dev", "libcurl4-openssl-dev"],
    brew: null,
    from: "bench",
  },
  {
    what: "PyKCS11",
    present: () => process.platform !== "linux" || spawnSync("/usr/bin/python3", ["-c", "import PyKCS11"]).status === 0,
    apt: ["python3-pykcs11"],
    brew: null,
    from: "bench",
  },
];

/** Packages that bring a service of their own. */
const services: readonly (readonly [name: string, service: string])[] = [
  ["nginx-light", "nginx"],
  ["redis-server", "redis-server"],
  ["mosquitto", "mosquitto"],
  ["tpm2-abrmd", "tpm2-abrmd"],
];

/** What a purpose needs and this machine does not have. */
export function missingNeeds(purpose: Purpose): SystemNeed[] {
  const wanted = purposes.slice(0, purposes.indexOf(purpose) + 1);
  return systemNeeds.filter((need) => wanted.includes(need.from) && !need.present());
}

/** Installs what is missing, or says what to run. Resolves to what is still missing. */
export async function installMissing(purpose: Purpose): Promise<SystemNeed[]> {
  const missing = missingNeeds(purpose);
  if (missing.length === 0) return [];
  say(`Missing: ${missing.map((need) => need.what).join("; ")}`);
  if (programPath("apt-get")) await installWithApt(missing);
  else if (programPath("brew")) await installWithBrew(missing);
  else say("Install them with your system's package manager, or name a PKCS#11 module in PKCS11_MODULE");
  return missingNeeds(purpose);
}

async function installWithApt(missing: SystemNeed[]): Promise<void> {
  const packages = missing.flatMap((need) => need.apt);
  const command = ["apt-get", "install", "-y", "--no-install-recommends", ...packages];
  if (Deno.uid() !== 0) {
    const first = "apt-get update";
    say(
      programPath("sudo")
        ? `Run: sudo ${first} && sudo ${command.join(" ")}`
        : `Run as root: ${first} && ${command.join(" ")}`,
    );
    return;
  }
  using _quiet = withoutServiceStart();
  say(`Running: ${command.join(" ")}`);
  // Whoever became root by `su` has no folder of the administrator's programs in PATH.
  const environment = { DEBIAN_FRONTEND: "noninteractive", PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  let result = await run(command, { env: environment, timeoutMs: 600_000 });
  if (result.code !== 0) {
    await run(["apt-get", "update"], { env: environment, timeoutMs: 300_000 });
    result = await run(command, { env: environment, timeoutMs: 600_000 });
  }
  if (result.code !== 0) say(`apt-get failed:\n${result.output.trimEnd().split("\n").slice(-12).join("\n")}`);
  // Services of these packages are not to start with the machine either.
  const updater = programPath("update-rc.d");
  for (const [name, service] of services) {
    if (!updater || !packages.includes(name)) continue;
    await run([updater, service, "disable"], { env: environment, timeoutMs: 20_000 });
  }
}

/** Debian starts a service as it installs it, unless this file says no: the tests start their own servers on their own ports. */
function withoutServiceStart(): Disposable {
  const policy = "/usr/sbin/policy-rc.d";
  try {
    Deno.writeTextFileSync(policy, "#!/bin/sh\nexit 101\n", { createNew: true, mode: 0o755 });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return { [Symbol.dispose]: () => {} };
    throw error;
  }
  return { [Symbol.dispose]: () => Deno.removeSync(policy) };
}

async function installWithBrew(missing: SystemNeed[]): Promise<void> {
  const formulas = [...new Set(missing.map((need) => need.brew).filter((name) => name !== null))];
  const command = ["brew", "install", "--quiet", ...formulas];
  say(`Running: ${command.join(" ")}`);
  const result = await run(command, { timeoutMs: 600_000 });
  if (result.code !== 0) say(`brew failed:\n${result.output.trimEnd().split("\n").slice(-12).join("\n")}`);
}
