// What deno task bench can measure, by name.

/** A benchmark. */
export interface Bench {
  /** What is measured, in a line for people. */
  readonly measures: string;
  /** The names of the tables that it reports; by default its own. */
  readonly tables?: readonly string[];
  /** Runs it and reports its tables. */
  readonly run: () => Promise<void>;
}

const onEachRuntime = (...names: string[]) =>
  names.flatMap((name) => ["deno", "bun", "node"].map((runtime) => `${name}-${runtime}`));

/** The benchmarks, in the order in which they run. */
export const benches: Readonly<Record<string, Bench>> = {
  pkcs11: {
    measures: "calls into a token, against C and other bindings",
    run: async () => await (await import("./pkcs11/run.ts")).benchPkcs11(),
  },
  pkcs11js: {
    measures: "./pkcs11js, against the addon",
    run: async () => await (await import("./pkcs11/run.ts")).benchPkcs11js(),
  },
  pieces: {
    measures: "what a small call into a token is made of",
    run: async () => await (await import("./pkcs11/run_pieces.ts")).benchPieces(),
  },
  trips: {
    measures: "what two changes of thread take, by each way to wake an event loop",
    run: async () => await (await import("./trips/run.ts")).benchTrips(),
  },
  webcrypto: {
    measures: "signatures through Web Cryptography",
    run: async () => await (await import("./webcrypto/run.ts")).benchWebcrypto(),
  },
  http: {
    measures: "requests by plain http, against the runtime's fetch and other libraries",
    tables: onEachRuntime("http"),
    run: async () => await (await import("./http/run.ts")).benchHttp(),
  },
  "https-peers": {
    measures: "the same over TLS",
    tables: onEachRuntime("https-peers"),
    run: async () => await (await import("./http/run.ts")).benchHttpsPeers(),
  },
  https: {
    measures: "small requests over TLS, against the runtime's fetch",
    run: async () => await (await import("./http/run_https.ts")).benchHttps(),
  },
  "https-large": {
    measures: "large bodies over TLS, against the runtime's fetch",
    run: async () => await (await import("./http/run_https.ts")).benchHttpsLarge(),
  },
  "https-far": {
    measures: "many requests at once over TLS to a server far away, against the runtime's fetch",
    run: async () => await (await import("./http/run_https.ts")).benchHttpsFar(),
  },
  signed: {
    measures: "requests that a token signs",
    run: async () => await (await import("./http/run_signed.ts")).benchSigned(),
  },
  "token-tls": {
    measures: "TLS with a key in a token, against a key in a file",
    run: async () => await (await import("./http/run_token_tls.ts")).benchTokenTls(),
  },
  start: {
    measures: "what a program pays before it has signed or requested once",
    tables: [...onEachRuntime("start", "start-ratio"), "start-native"],
    run: async () => await (await import("./start/run.ts")).benchStart(),
  },
  scaling: {
    measures: "many sessions, objects, requests and waiting messages at once",
    tables: ["sessions", "objects", "in-flight", "queued"],
    run: async () => await (await import("./scaling/run.ts")).benchScaling(),
  },
};

/**
 * The benchmarks that these names mean, each once, in the order in which they run; all of them where no name is given.
 *
 * @param names Names of benchmarks, and of tables, which mean the benchmark that reports them.
 * @throws {TypeError} For another name.
 */
export function chosenBenches(names: readonly string[]): readonly Bench[] {
  const all = Object.entries(benches);
  const isMeant = (name: string, [own, { tables }]: (typeof all)[number]) =>
    name === own || (tables?.includes(name) ?? false);
  const unknown = names.find((name) => !all.some((bench) => isMeant(name, bench)));
  if (unknown !== undefined) {
    throw new TypeError(`Cannot run the bench "${unknown}": neither a benchmark nor a table has this name`);
  }
  return all.filter((bench) => names.length === 0 || names.some((name) => isMeant(name, bench)))
    .map(([, bench]) => bench);
}

/** A line for each benchmark: its name, what it measures, and its tables where they have other names. */
export function benchLines(): string[] {
  const entries = Object.entries(benches);
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.flatMap(([name, { measures, tables }]) => [
    `  ${name.padEnd(width)}  ${measures}`,
    ...tables === undefined ? [] : [`  ${"".padEnd(width)}  tables: ${tables.join(", ")}`],
  ]);
}
