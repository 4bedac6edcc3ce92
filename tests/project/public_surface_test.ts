import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { entries, publicNames } from "../_support/public_names.ts";
import { readText } from "../_support/source_text.ts";

const accepted: Record<string, string[]> = JSON.parse(readText("tests/project/public_surface.json"));
const names = Object.fromEntries(
  Object.entries(entries).map(([entry, file]) => [entry, [...publicNames(file).keys()].sort()]),
);

/** Names that programs are written against, whatever else comes and goes. */
const promised: Record<string, string> = {
  "./session": `
    Attributes AttributesInit CKA CKC CKF CKK CKM CKO CKR CKS CKU DiscardHandleEvent Interaction
    LogCallsOptions LoggedCall LoginSpec Mechanism MechanismType Module ModuleInfo ModuleLoadError
    ModuleOptions ModuleShare OpenSessionOptions Pin PinCallback Pkcs11Error Pkcs11Object Pkcs11Uri
    RegisteredModulesOptions Session SessionBusyError SessionClosedError SessionInfo SessionPoolOptions
    Slot SlotInfo TokenInfo TrustAnchor UriError aesCbc aesCcm aesCtr aesGcm chacha20Poly1305 ckrMessage
    ckrName ecdh1 eddsa findByUri hkdf loadModules pbkdf2 rawMechanism registerPinSource requestPin
    rsaOaep rsaPss trustAnchors`,
  "./http": `
    Auth AuthBasic AuthBearer AuthDigest AuthManager AuthNegotiate AuthNtlm ClientTls ContentDecoder
    ContentSniffer CookieJar CookieSqliteStore CookieTextStore HarRecorder HstsEnforcer HttpCache
    HttpError HttpFetchInit HttpMessage HttpSession HttpSessionOptions HttpStatus Logger MessageFlags
    MessagePriority MockTransport NotSupportedError PasswordManager ProxyResolver Retry SessionFeature
    SessionProperty TlsDatabase TransportCapabilities`,
};

/** Classes and functions for those who write schemes of authentication, or read header fields and streams themselves. */
const leftToEntries = `
  AuthFeature AuthScheme ConnectionScheme EventStreamParser Parts SyncParts TypedEventTarget parseAcceptSignature
  parseContentCodings parseQualityList parseStructuredDictionary parseStructuredItem parseStructuredList qualityOf
  sniffMediaType`;

describe("the public surface", () => {
  for (const entry of Object.keys(entries)) {
    // After a change that is meant: deno run -A tools/public_surface.ts
    it(`of ${entry} is what public_surface.json holds`, () => {
      assertEquals(names[entry], accepted[entry]);
    });
  }

  for (const [entry, text] of Object.entries(promised)) {
    it(`of ${entry} has every promised name`, () => {
      assertEquals(text.trim().split(/\s+/).filter((name) => !names[entry]!.includes(name)), []);
    });
  }

  it("of the main entry is of ./session and ./http, with every promised name", () => {
    const parts = new Set([...names["./session"]!, ...names["./http"]!]);
    assertEquals(names["."]!.filter((name) => !parts.has(name)), []);
    const missing = Object.values(promised).flatMap((text) => text.trim().split(/\s+/))
      .filter((name) => !names["."]!.includes(name));
    assertEquals(missing, []);
  });

  it("of the main entry leaves to ./session and ./http what few programs call, and nothing else", async () => {
    const [main, session, http] = await Promise.all(
      ["../../mod.ts", "../../session/mod.ts", "../../http/mod.ts"].map((file) => import(file)),
    );
    const missing = Object.keys({ ...session, ...http }).filter((name) => !(name in main));
    assertEquals(missing.sort(), leftToEntries.trim().split(/\s+/).sort());
  });
});
