// What `task test:windows` runs on Windows' own Deno and Bun: a token whose structures are packed, loopback HTTP, stores.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import {
  aesGcm,
  CKM,
  CookieJar,
  CookieTextStore,
  HttpSession,
  Module,
  NotSupportedError,
  Pkcs11Error,
  rsaPss,
  type Session,
  tokenCertificate,
} from "../../mod.ts";

const [path, folder] = process.argv.slice(2) as [string, string];
const data = Uint8Array.of(1, 2, 3);
const numbersOf = (bytes: Uint8Array) => [...new Uint32Array(bytes.slice(0, bytes.length & ~3).buffer)];

async function readsAttributes(session: Session): Promise<void> {
  assertEquals(await session.findObjects({ label: "another" }), []);
  const [key] = await session.findObjects({ label: "packed" });
  const names = ["class", "label", "token", "startDate", "allowedMechanisms"] as const;
  for (const attributes of [await key!.get(names), key!.getSync(names)]) {
    assertEquals([attributes.class, attributes.label, attributes.token], [4, "packed", true]);
    assertEquals(attributes.allowedMechanisms, [CKM.AES_GCM, CKM.RSA_PKCS_PSS]);
    assertEquals(JSON.stringify(attributes.startDate).includes("2026"), true);
  }
  await assertRejects(() => key!.get(["value"]).then(({ value }) => value!.length));

  const pss = rsaPss({ hash: "SHA-256", saltLength: 20, prehashed: true });
  const hash = new Uint8Array(32);
  for (const signature of [await session.sign(key!, pss, hash), session.signSync(key!, pss, hash)]) {
    assertEquals(numbersOf(signature), [CKM.SHA256, 2, 20]);
  }
  const gcm = aesGcm({ iv: new Uint8Array(12).fill(9), additionalData: data, tagLength: 96 });
  for (const encrypted of [await session.encrypt(key!, gcm, data), session.encryptSync(key!, gcm, data)]) {
    assertEquals(numbersOf(encrypted.slice(0, 16)), [12, 96, 3, 96]);
    assertEquals([...encrypted.slice(16)], [...new Array(12).fill(9), ...data, ...data]);
  }
}

async function usesToken(managed: false | "gp11"): Promise<void> {
  const module = await Module.load(path, { managed });
  assertEquals((await module.info()).manufacturerId, "gp11 tests");
  assertEquals(module.infoSync().cryptokiVersion, { major: 2, minor: 40 });
  const [slot] = await module.slots({ tokenPresent: true });
  assertEquals((await slot!.info()).slotDescription, "mock slot");
  const infos = await Promise.all(Array.from({ length: 40 }, () => slot!.tokenInfo()));
  for (const info of [...infos, slot!.tokenInfoSync()]) {
    assertEquals([info.label, info.serialNumber, info.flags], ["mock token0", "0", 0x40c]);
  }
  await assertRejects(() => slot!.openSession({ login: { pin: "9999" } }), Pkcs11Error, "CKR_PIN_INCORRECT");
  const session = await slot!.openSession({ readWrite: true, login: { pin: "1234" } });
  await readsAttributes(session);
  await session.close();
  await module.close();
}

async function speaksHttp(): Promise<void> {
  const server = createServer((request, response) => {
    response.setHeader("set-cookie", "seen=1; Max-Age=1000").end(request.headers.cookie ?? "none");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  for (const transport of ["fetch", "node"] as const) {
    const file = `${folder}/cookies-${transport}.txt`;
    for (const expected of ["none", "seen=1"]) {
      const jar = new CookieJar({ store: new CookieTextStore(file) });
      const session = new HttpSession({ transport, features: [jar] });
      assertEquals(await (await session.fetch(url)).text(), expected);
      await session.close();
      jar.close();
    }
  }
  server.close();
}

assert(process.platform === "win32", `This is ${process.platform}`);
await usesToken(false);
await usesToken("gp11");
process.stdout.write("a token with packed structures, in place and on threads\n");
await speaksHttp();
process.stdout.write("HTTP over both transports, cookies in a file\n");
const uri = "pkcs11:token=mock%20token0;type=";
const tls = tokenCertificate({ certificate: `${uri}cert`, key: `${uri}private` });
await assertRejects(() => tls, NotSupportedError, "Windows has no pairs of sockets");
process.stdout.write("no TLS with keys of tokens\n");
process.exit(0);
