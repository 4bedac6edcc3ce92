// deno task bench [pkcs11] [pkcs11js] [webcrypto] [http] [https] [signed] [token-tls]: measures this library against C and its peers, interleaved, as ratios.
import { setUp } from "../tools/setup.ts";

const benches: Record<string, () => Promise<void>> = {
  pkcs11: async () => await (await import("./pkcs11/run.ts")).benchPkcs11(),
  pkcs11js: async () => await (await import("./pkcs11/run.ts")).benchPkcs11js(),
  webcrypto: async () => await (await import("./webcrypto/run.ts")).benchWebcrypto(),
  http: async () => await (await import("./http/run.ts")).benchHttp(),
  https: async () => await (await import("./http/run_https.ts")).benchHttps(),
  signed: async () => await (await import("./http/run_signed.ts")).benchSigned(),
  "token-tls": async () => await (await import("./http/run_token_tls.ts")).benchTokenTls(),
};

const chosen = Deno.args.length > 0 ? Deno.args : Object.keys(benches);
for (const name of chosen) {
  const bench = benches[name];
  if (!bench) throw new TypeError(`Cannot run the bench "${name}": it is none of ${Object.keys(benches).join(", ")}`);
  await setUp("tests");
  await bench();
}
