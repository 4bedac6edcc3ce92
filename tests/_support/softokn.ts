// NSS softokn for tests: the module and the parameters of a fresh database.
import { CKU } from "../../ffi/constants/mod.ts";
import { Module } from "../../session/tokens/module.ts";
import type { Session } from "../../session/tokens/session.ts";
import type { Slot } from "../../session/tokens/slot.ts";
import { softoknPath } from "../../tools/native_libraries.ts";
import { newerNssFolder } from "../../tools/newer_nss.ts";
import { temporaryFolder } from "./temporary_folder.ts";

/** A database of NSS's software token. */
export interface SoftoknDatabase {
  /** The module's path. */
  readonly module: string;
  /** The `reserved` parameters for `Module.load`. */
  readonly reserved: string;
  /** The slot with the database; the other one has mechanisms only. */
  readonly slotId: bigint;
  /** The database's folder. */
  readonly folder: string;
}

/** For `it(name, { skip: softoknSkip }, …)`: the reason where NSS softokn is missing, else false. */
export const softoknSkip: string | false = softoknPath() === null ? "NSS softokn is not installed" : false;

/** For tests of a later NSS: why there is none, else false. Its libraries stand on some that the system's package brings. */
export const newerNssSkip: string | false = softoknSkip ||
  (newerNssFolder() === null ? "NSS with ML-DSA and ML-KEM was not fetched: run task setup" : false);

/** The parameters that load softokn without any database. */
export const softoknWithoutDatabase: string =
  "configdir='' certPrefix='' keyPrefix='' secmod='' flags=readOnly,noCertDB,noModDB,forceOpen,optimizeSpace";

/** NSS softokn's library, or null where it is not installed. */
export function softoknModule(): string | null {
  return softoknPath();
}

/** Gives the user of an empty database a PIN, "1234". */
export async function setFirstPin(slot: Slot): Promise<void> {
  const officer = await slot.openSession({ readWrite: true });
  await officer.login(CKU.SO, "");
  await officer.initPin("1234");
  await officer.close();
}

/** Makes a database, loads softokn with it and opens a session that may write, logged in. */
export async function openSoftokn(): Promise<{ readonly module: Module; readonly session: Session }> {
  const database = createSoftoknDatabase();
  const module = await Module.load(database.module, { managed: false, reserved: database.reserved });
  const slot = module.slotsSync().find(({ id }) => id === database.slotId)!;
  await setFirstPin(slot);
  return { module, session: await slot.openSession({ readWrite: true, login: { pin: "1234" } }) };
}

/** Makes an empty database. Its user has no PIN yet: log in as security officer with an empty PIN, then call C_InitPIN. */
export function createSoftoknDatabase(): SoftoknDatabase {
  const module = softoknPath();
  if (module === null) throw new Error("Cannot create a database: NSS softokn is not installed");
  const folder = temporaryFolder("softokn");
  const reserved = `configdir='sql:${folder}' certPrefix='' keyPrefix='' secmod='secmod.db' flags=`;
  return { module, reserved, slotId: 2n, folder };
}
