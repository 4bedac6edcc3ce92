// What a program does up to its signatures, with the entry of the library that it has imported.
import { tellMemory, words } from "./program.mjs";

const [count, path, label, pin] = words;
const digest = new Uint8Array(32);

/** Signs so often as the first argument says; nothing is awaited. */
export function sign({ CKM, CKO, Module }) {
  const module = Module.loadSync(path);
  const slot = module.slotsSync({ tokenPresent: true }).find((slot) => slot.tokenInfoSync().label === label);
  const session = slot.openSessionSync({ login: { pin } });
  const [key] = session.findObjectsSync({ class: CKO.PRIVATE_KEY });
  for (let i = 0; i < Number(count); i++) session.signSync(key, CKM.ECDSA, digest);
  module.closeSync();
  tellMemory(count);
}

/** The same without blocking. */
export async function signAsync({ CKM, CKO, Module }) {
  const module = await Module.load(path);
  const slots = await module.slots({ tokenPresent: true });
  const labels = await Promise.all(slots.map(async (slot) => (await slot.tokenInfo()).label));
  const session = await slots[labels.indexOf(label)].openSession({ login: { pin } });
  const [key] = await session.findObjects({ class: CKO.PRIVATE_KEY });
  for (let i = 0; i < Number(count); i++) await session.sign(key, CKM.ECDSA, digest);
  await module.close();
  tellMemory(count);
}
