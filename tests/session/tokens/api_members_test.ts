import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import * as session from "../../../session/mod.ts";

/** Members that have a form on worker threads and one in place. */
const BOTH = {
  Module: ["info", "slots", "findSlot", "closeAllSessions", "close"],
  Slot: ["info", "tokenInfo", "mechanisms", "mechanismInfo", "hasFlags", "initToken", "openSession"],
  Session: [
    ..."getInfo login logout createObject copyObject findObjects objects encrypt decrypt sign verify digest".split(" "),
    ..."signRecover verifyRecover signMany verifyMany encryptMany decryptMany digestMany signer verifier encryptor"
      .split(" "),
    ..."decryptor digester encryptMessage decryptMessage generateKey generateKeyPair wrapKey unwrapKey".split(" "),
    ..."deriveKey encapsulateKey decapsulateKey generateRandom seedRandom initPin setPin".split(" "),
    ..."getOperationState setOperationState cancelOperation close".split(" "),
  ],
  Pkcs11Object: ["get", "getAttributes", "set", "destroy", "size", "uri"],
} as const;

/** Members with one form. */
const ONE = {
  Module: [
    ..."path name flags closed managed owner poolSessions autoAuthenticate interfaceVersion configOption".split(" "),
    ..."waitForSlotEvent watchTokens share functions".split(" "),
  ],
  Slot: [],
  Session: ["module", "slot", "handle", "closed", "encryptStream", "decryptStream", "idle", "addEventListener"],
  Pkcs11Object: ["equals"],
  Attributes: ["get", "state", "toString"],
  DiscardHandleEvent: ["claim"],
  Pkcs11Uri: [
    ..."format unrecognized vendorQuery token serial manufacturer model libraryDescription".split(" "),
    ..."libraryManufacturer libraryVersion slotDescription slotManufacturer slotId object id type".split(" "),
    ..."pinSource pinValue moduleName modulePath matchModule matchSlot matchToken matchAttributes".split(" "),
  ],
} as const;

const FUNCTIONS =
  ("ckrName ckrMessage findByUri registerPinSource requestPin trustAnchors loadModules aesGcm aesCbc aesCtr aesCcm " +
    "chacha20Poly1305 rsaPss rsaOaep ecdh1 eddsa hkdf pbkdf2 rawMechanism Pkcs11Error ModuleLoadError SessionBusyError " +
    "SessionClosedError UriError").split(" ");
const CONSTANTS = "CKA CKC CKF CKK CKM CKO CKR CKS CKU".split(" ");

type Named = Record<string, unknown>;
const exported: Named = session;

function members(name: string): object {
  return (exported[name] as { prototype: object }).prototype;
}

describe("The API of PKCS#11", () => {
  for (const [name, list] of Object.entries(BOTH)) {
    it(`${name}: every verb has a form on worker threads and one in place`, () => {
      const prototype = members(name);
      assertEquals(list.flatMap((verb) => [verb, `${verb}Sync`]).filter((member) => !(member in prototype)), []);
    });
  }

  for (const [name, list] of Object.entries(ONE)) {
    it(`${name} has its other members`, () => {
      const prototype = members(name);
      const own = Object.getOwnPropertyNames(prototype);
      const missing = list.filter((member) => !(member in prototype) && !isField(name, member));
      assertEquals([missing, own.includes("constructor")], [[], true]);
    });
  }

  it("what a module makes cannot be made without one", () => {
    for (const name of ["Module", "Slot", "Session"]) {
      const Made = exported[name] as new (...args: unknown[]) => unknown;
      for (const args of [[], [{}], [{}, {}, 0n], [undefined, undefined, 0n]]) {
        assertThrows(() => new Made(...args), TypeError, `Cannot make a ${name.toLowerCase()}: `);
      }
    }
  });

  it("owners can be disposed of, at once and awaited", () => {
    for (const name of ["Module", "Session", "Parts"]) assert(Symbol.asyncDispose in members(name), name);
    for (const name of ["Module", "Session", "SyncParts"]) assert(Symbol.dispose in members(name), name);
  });

  it("functions, builders, errors and constants are exported", () => {
    assertEquals(FUNCTIONS.filter((name) => typeof exported[name] !== "function"), []);
    assertEquals(CONSTANTS.filter((name) => typeof exported[name] !== "object"), []);
    const { Module, Session, Pkcs11Uri } = session;
    for (const entry of [Module.load, Module.loadSync, Session.fromHandle, Pkcs11Uri.parse]) {
      assertEquals(typeof entry, "function");
    }
  });
});

/** Fields stand on instances, not on the prototype. */
function isField(name: string, member: string): boolean {
  if (name !== "Pkcs11Uri") return false;
  return member in session.Pkcs11Uri.parse("pkcs11:token=t;object=o?module-name=m");
}
