// Makes calls through a wrapper of libp11-kit that logs them natively, to standard error, and logs them itself, to
// standard output. Arguments: the folder of module files, the token's label.
import process from "node:process";
import { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import { P11Kit } from "../../ffi/tables/p11_kit.ts";
import { CKM, Pkcs11Error } from "../../session/mod.ts";
import { beginModule } from "../../session/tokens/module.ts";
import { DirectBackend } from "../../session/managed/module_backend.ts";
import { p11KitPath } from "../../tools/native_libraries.ts";

const [folder, label] = process.argv.slice(2);
const kit = P11Kit.open(p11KitPath()!);
kit.overrideSystemFiles(["/nowhere", "/nowhere", "/nowhere", folder!, "/nowhere"]);
const [list] = kit.loadModules()!;
const texts: string[] = [];
const options = { reserved: null, neverFinalize: false, through: p11KitPath()! };
const backend = new DirectBackend(Cryptoki.fromFunctionList(list!), options);
const module = await beginModule(backend, { logCalls: { sink: (text) => texts.push(text), showSecrets: true } });

module.infoSync();
const slots = module.slotsSync({ tokenPresent: true });
const slot = slots.find((one) => one.tokenInfoSync().label === label)!;
slot.infoSync();
slot.mechanismsSync();
slot.mechanismInfoSync(CKM.AES_CBC_PAD);
const session = slot.openSessionSync({ readWrite: true });
refused(() => session.loginSync(1, "wrong"));
session.loginSync(1, "1234");
session.getInfoSync();
const iv = Uint8Array.from({ length: 16 }, (_, at) => at * 17);
const key = session.generateKeySync(CKM.AES_KEY_GEN, {
  token: false,
  label: 'k\n"1',
  id: new Uint8Array([1, 2, 255]),
  encrypt: true,
  decrypt: true,
  sensitive: false,
  extractable: true,
  valueLen: 16,
}); // deno-fmt-ignore
const cipher = session.encryptSync(key, { type: CKM.AES_CBC_PAD, parameter: iv }, new Uint8Array(200).fill(7));
session.decryptSync(key, { type: CKM.AES_CBC_PAD, parameter: iv }, cipher);
session.digestSync(CKM.SHA256, new TextEncoder().encode('a\tb\r\n"\\\u00ff' + "x".repeat(300)));
session.digestSync(CKM.SHA256, new TextEncoder().encode("y".repeat(119)));
session.digestSync(CKM.SHA256, new TextEncoder().encode("z".repeat(118)));
key.getSync(["class", "keyType", "label", "id", "token", "startDate"]);
refused(() => key.getSync([0x12345678]));
const object = session.createObjectSync({ class: 0, token: false, label: "data", value: new Uint8Array([1]) });
session.findObjectsSync({ label: "data" });
session.copyObjectSync(object, { label: "copy" });
object.setSync({ label: "renamed" });
object.sizeSync();
object.destroySync();
refused(() => session.signSync(key, CKM.SHA256_RSA_PKCS, new Uint8Array(3)));
session.generateRandomSync(16);
session.seedRandomSync(new Uint8Array(4));
session.logoutSync();
session.closeSync();
module.closeSync();
process.stdout.write(texts.join(""));

function refused(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof Pkcs11Error)) throw error;
  }
}
