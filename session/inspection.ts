/** How the classes of this floor show themselves: by what is known without asking the module, never with a secret. */
import { ckmName, CKS, cksName } from "../ffi/constants/mod.ts";
import { counted, type Fact, fact, inspectable, quoted } from "../internal/inspection.ts";
import { DiscardHandleEvent, MemberEvent } from "./core/events.ts";
import { isLoggedIn, isSecurityOfficer } from "./core/logins.ts";
import type { SessionCore } from "./core/session_core.ts";
import { X509 } from "./keys/x509.ts";
import { SignerGroup } from "./signer/signer_group.ts";
import { TokenSigner } from "./signer/token_signer.ts";
import { keyOf, TokenCertificate } from "./tls/token_certificate.ts";
import { TokenTlsSocket } from "./tls/token_tls_socket.ts";
import { coreOf } from "./tokens/session_contexts.ts";
import { Module } from "./tokens/module.ts";
import { Pkcs11Object } from "./tokens/object.ts";
import { Parts, partsShown, SyncParts } from "./tokens/parts.ts";
import { Decryptor, Digester, Encryptor, PartsSigner, PartsVerifier } from "./tokens/parts_async.ts";
import { SyncDecryptor, SyncDigester, SyncEncryptor, SyncPartsSigner, SyncPartsVerifier } from "./tokens/parts_sync.ts";
import { Session } from "./tokens/session.ts";
import { SessionPool } from "./tokens/shared_sessions.ts";
import { moduleCoreOf, Slot } from "./tokens/slot.ts";
import { Pkcs11Uri } from "./uri/mod.ts";

inspectable(Module, "Module", (module) => [
  module.path === null ? fact("name", module.name) : fact("path", module.path, quoted(module.path)),
  fact("managed", module.managed, module.managed === false ? "unmanaged" : `managed by ${module.managed}`),
  fact("interfaceVersion", module.interfaceVersion, `PKCS#11 ${module.interfaceVersion}`),
  fact("closed", module.closed),
]);

inspectable(Slot, "Slot", (slot) => [
  fact("id", slot.id),
  fact("token", tokenIn(slot)),
]);

function tokenIn(slot: Slot): string | undefined {
  return moduleCoreOf(slot).turn(slot.id).label;
}

inspectable(Session, "Session", (session) => sessionFacts(coreOf(session)));

function sessionFacts(core: SessionCore): Fact[] {
  const { closed, handle, lane, readWrite, slot } = core;
  const label = lane.token?.label;
  const place = label === undefined ? fact("slotId", slot, `slot ${slot}n`) : fact("token", label);
  if (closed) return [place, fact("handle", handle), fact("closed", true)];
  const state = stateOf(core);
  return [
    place,
    fact("handle", handle),
    fact("state", cksName(state), STATE_WORDS[state]),
    fact("readWrite", readWrite, readWrite ? "read-write" : "read-only"),
    fact("queued", lane.waiting, lane.waiting === 0 ? "" : `${lane.waiting} queued`),
    fact("open", lane.open ?? undefined, lane.open === null ? "" : `an open ${lane.open}`),
  ];
}

const STATE_WORDS: Readonly<Record<CKS, string>> = {
  [CKS.RO_PUBLIC_SESSION]: "public session",
  [CKS.RO_USER_FUNCTIONS]: "user functions",
  [CKS.RW_PUBLIC_SESSION]: "public session",
  [CKS.RW_USER_FUNCTIONS]: "user functions",
  [CKS.RW_SO_FUNCTIONS]: "security officer functions",
};

/** The state as far as it is known here: who has logged in through another library is known to the token alone. */
function stateOf({ module, readWrite, slot }: SessionCore): CKS {
  if (!isLoggedIn(module, slot)) return readWrite ? CKS.RW_PUBLIC_SESSION : CKS.RO_PUBLIC_SESSION;
  if (isSecurityOfficer(module, slot)) return CKS.RW_SO_FUNCTIONS;
  return readWrite ? CKS.RW_USER_FUNCTIONS : CKS.RO_USER_FUNCTIONS;
}

inspectable(Pkcs11Object, "Pkcs11Object", ({ attributes, handle, session }) => [
  fact("handle", handle),
  fact("attributes", attributes ?? undefined, attributes === null ? "" : String(attributes)),
  fact("closed", session.closed, session.closed ? "session closed" : ""),
]);

inspectable(SessionPool, "SessionPool", ({ closed, idle, size, waiting }) => [
  fact("size", size, counted(size, "session")),
  fact("idle", idle, `${idle} idle`),
  fact("waiting", waiting, `${waiting} waiting`),
  fact("closed", closed),
]);

for (
  const [type, name] of [
    [Decryptor, "Decryptor"],
    [Digester, "Digester"],
    [Encryptor, "Encryptor"],
    [Parts, "Parts"],
    [PartsSigner, "PartsSigner"],
    [PartsVerifier, "PartsVerifier"],
    [SyncDecryptor, "SyncDecryptor"],
    [SyncDigester, "SyncDigester"],
    [SyncEncryptor, "SyncEncryptor"],
    [SyncParts, "SyncParts"],
    [SyncPartsSigner, "SyncPartsSigner"],
    [SyncPartsVerifier, "SyncPartsVerifier"],
  ] as const
) {
  inspectable<Parts | SyncParts>(type, name, (parts) => {
    const { mechanism, state } = partsShown(parts);
    return [fact("mechanism", ckmName(mechanism), ckmName(mechanism)), fact("state", state, state)];
  });
}

inspectable(X509, "X509", (certificate) => [
  fact("subject", certificate.subject, quoted(certificate.subject)),
  fact("serialNumber", certificate.serialNumber),
  fact("issuer", certificate.issuer),
  fact("notBefore", certificate.notBefore, `from ${day(certificate.notBefore)}`),
  fact("notAfter", certificate.notAfter, `to ${day(certificate.notAfter)}`),
  fact("subjectAltNames", certificate.subjectAltNames, certificate.subjectAltNames.map(quoted).join(" ")),
  fact("fingerprint256", certificate.fingerprint256, `SHA-256 ${certificate.fingerprint256}`),
  fact("der", certificate.der, counted(certificate.der.byteLength, "byte")),
]);

function day(date: Date): string {
  return Number.isNaN(date.getTime()) ? "no date" : date.toISOString().slice(0, 10);
}

inspectable(TokenSigner, "TokenSigner", ({ algorithm, keyId }) => [
  fact("algorithm", algorithm, algorithm),
  fact("keyId", keyId, `key ${quoted(keyId)}`),
]);

inspectable(SignerGroup, "SignerGroup", ({ algorithm, keyId, members }) => {
  const states = members.map(({ state }) => state);
  const out = states.filter((state) => state === "out").length;
  return [
    fact("algorithm", algorithm, algorithm),
    fact("keyId", keyId, `key ${quoted(keyId)}`),
    fact("members", states, `${counted(states.length, "member")}${out === 0 ? "" : `, ${out} out`}`),
  ];
});

inspectable(MemberEvent, "MemberEvent", ({ type }) => [fact("type", type, type)]);

inspectable(TokenCertificate, "TokenCertificate", (certificate) => {
  const { closed, modulePath, slot, uri } = keyOf(certificate);
  return [
    fact("token", tokenIn(slot)),
    fact("key", uri, `key ${uri}`),
    fact("module", modulePath, `module ${quoted(modulePath)}`),
    fact("closed", closed),
  ];
});

inspectable(TokenTlsSocket, "TokenTlsSocket", (socket) => [
  fact("protocol", socket.protocol, socket.protocol),
  fact("cipher", socket.cipher, socket.cipher),
  fact("alpnProtocol", socket.alpnProtocol, socket.alpnProtocol === null ? "" : quoted(socket.alpnProtocol)),
  fact(
    "peerCertificate",
    { subject: socket.peerCertificate.subject },
    `peer ${quoted(socket.peerCertificate.subject)}`,
  ),
]);

// What stands in the query is for the module alone: it may be a PIN, or where one is.
inspectable(Pkcs11Uri, "Pkcs11Uri", (uri) => {
  const [path] = String(uri).split("?", 1);
  return [fact("uri", path, path), fact("unrecognized", uri.unrecognized)];
});

inspectable(DiscardHandleEvent, "DiscardHandleEvent", ({ claimed, handle }) => [
  fact("handle", handle),
  fact("claimed", claimed),
]);
