/** NTLM over HTTP (MS-NTHT), and its messages (MS-NLMP). */
import { concatBytes } from "../../../../internal/bytes.ts";
import { encodeUtf16, hmacMd5, ntlmV2Key, ntlmV2Response } from "./ntlm_crypto.ts";
import { encodeLatin1 } from "../text.ts";
import { builtin } from "../../../../internal/builtin_modules.ts";
import { channelBinding, channelBindingHash, ConnectionScheme, type Handshake } from "../connection_scheme.ts";

/** Negotiate flags (MS-NLMP §2.2.2.5). */
const Flag = {
  UNICODE: 0x00000001,
  OEM: 0x00000002,
  REQUEST_TARGET: 0x00000004,
  NTLM: 0x00000200,
  ALWAYS_SIGN: 0x00008000,
  EXTENDED_SESSION_SECURITY: 0x00080000,
  TARGET_INFO: 0x00800000,
  KEY_128: 0x20000000,
  KEY_56: 0x80000000,
} as const;

const clientFlags = Flag.UNICODE | Flag.OEM | Flag.REQUEST_TARGET | Flag.NTLM | Flag.ALWAYS_SIGN |
  Flag.EXTENDED_SESSION_SECURITY | Flag.TARGET_INFO | Flag.KEY_128 | Flag.KEY_56;

/** Attribute-value pairs of the target information (MS-NLMP §2.2.2.1). */
const Attribute = { END: 0, FLAGS: 6, TIMESTAMP: 7, CHANNEL_BINDINGS: 10 } as const;

/** MsvAvFlags: a message integrity code is present. */
const MIC_PRESENT = 2;

const signature = encodeLatin1("NTLMSSP\0");
/** Where the payload of an AUTHENTICATE_MESSAGE begins: behind version and MIC. */
const AUTHENTICATE_HEADER = 88;
const MIC_OFFSET = 72;

/** Sent in place of the machine's own name, as Firefox and curl do. */
const WORKSTATION = "WORKSTATION";

/** The first message: NEGOTIATE_MESSAGE. Always the same bytes. */
export function ntlmNegotiate(): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(32);
  const view = new DataView(message.buffer);
  message.set(signature);
  view.setUint32(8, 1, true);
  view.setUint32(12, clientFlags, true);
  return message;
}

/** A pair of the target information. */
interface NtlmAttribute {
  /** MsvAvId. */
  readonly id: number;
  /** Its value. */
  readonly value: Uint8Array;
}

/** The server's message, read. */
interface NtlmChallenge {
  /** The message as it came: the MIC covers it. */
  readonly message: Uint8Array;
  /** Negotiate flags. */
  readonly flags: number;
  /** ServerChallenge, 8 bytes. */
  readonly serverChallenge: Uint8Array;
  /** Target information without its end mark, in the server's order. */
  readonly attributes: readonly NtlmAttribute[];
}

/** Reads a CHALLENGE_MESSAGE; null when it is malformed. */
export function parseNtlmChallenge(message: Uint8Array): NtlmChallenge | null {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (message.byteLength < 32 || signature.some((byte, index) => message[index] !== byte)) return null;
  if (view.getUint32(8, true) !== 2) return null;
  const flags = view.getUint32(20, true);
  const serverChallenge = message.slice(24, 32);
  let attributes: NtlmAttribute[] | null = [];
  if ((flags & Flag.TARGET_INFO) !== 0 && message.byteLength >= 48) {
    const length = view.getUint16(40, true);
    const offset = view.getUint32(44, true);
    if (offset + length > message.byteLength) return null;
    attributes = parseAttributes(message.subarray(offset, offset + length));
  }
  return attributes === null ? null : { message: message.slice(), flags, serverChallenge, attributes };
}

function parseAttributes(bytes: Uint8Array): NtlmAttribute[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const attributes: NtlmAttribute[] = [];
  for (let offset = 0; offset + 4 <= bytes.byteLength;) {
    const id = view.getUint16(offset, true);
    const length = view.getUint16(offset + 2, true);
    if (id === Attribute.END) return attributes;
    if (offset + 4 + length > bytes.byteLength) return null;
    attributes.push({ id, value: bytes.slice(offset + 4, offset + 4 + length) });
    offset += 4 + length;
  }
  return attributes;
}

function formatAttributes(attributes: readonly NtlmAttribute[]): Uint8Array<ArrayBuffer> {
  const parts = attributes.map(({ id, value }) => {
    const head = new Uint8Array(4);
    const view = new DataView(head.buffer);
    view.setUint16(0, id, true);
    view.setUint16(2, value.byteLength, true);
    return concatBytes(head, value);
  });
  return concatBytes(...parts, new Uint8Array(4));
}

/** Who logs in, and what is random or timed about it. */
interface NtlmIdentity {
  /** User name: "user", "DOMAIN\\user" or "user@domain". */
  readonly user: string;
  /** Password. */
  readonly password: string;
  /** ClientChallenge, 8 random bytes. */
  readonly clientChallenge: Uint8Array;
  /** The time now, in ticks of 100 ns since 1601; the server's own clock wins when it sends one. */
  readonly timestamp: bigint;
  /** MD5 of the channel binding of the TLS connection (RFC 5929); null without. */
  readonly channelBinding?: Uint8Array | null | undefined;
}

/** Ticks of 100 ns since 1601 from milliseconds since 1970. */
export function toFileTime(milliseconds: number): bigint {
  return (BigInt(Math.floor(milliseconds)) + 11_644_473_600_000n) * 10_000n;
}

/** Parts "DOMAIN\\user"; a name without a domain, or with one behind "@", has none of its own. */
export function splitNtlmUser(name: string): { user: string; domain: string } {
  const backslash = name.indexOf("\\");
  if (backslash < 0) return { user: name, domain: "" };
  return { user: name.slice(backslash + 1), domain: name.slice(0, backslash) };
}

/** The answer: AUTHENTICATE_MESSAGE, with a MIC when the server's target information has a timestamp. */
export function ntlmAuthenticate(challenge: NtlmChallenge, identity: NtlmIdentity): Uint8Array<ArrayBuffer> {
  const { user, domain } = splitNtlmUser(identity.user);
  const serverTime = challenge.attributes.find(({ id }) => id === Attribute.TIMESTAMP)?.value;
  const withMic = serverTime !== undefined && serverTime.byteLength === 8;
  const response = ntlmV2Response({
    key: ntlmV2Key(user, identity.password, domain),
    serverChallenge: challenge.serverChallenge,
    clientChallenge: identity.clientChallenge,
    timestamp: withMic
      ? new DataView(serverTime.buffer, serverTime.byteOffset).getBigUint64(0, true)
      : identity.timestamp,
    targetInfo: formatAttributes(answerAttributes(challenge, withMic, identity.channelBinding ?? null)),
  });
  const isUnicode = (challenge.flags & Flag.UNICODE) !== 0;
  const encode = isUnicode ? encodeUtf16 : encodeLatin1;
  const message = layOut(
    (clientFlags & challenge.flags & ~(isUnicode ? Flag.OEM : Flag.UNICODE)) >>> 0,
    withMic ? new Uint8Array(24) : response.lmResponse, // MS-NLMP §3.1.5.1.2: no LMv2 where the server has a clock
    response.ntResponse,
    encode(domain),
    encode(user),
    encode(WORKSTATION),
  );
  if (withMic) message.set(hmacMd5(response.sessionKey, ntlmNegotiate(), challenge.message, message), MIC_OFFSET);
  return message;
}

/** The server's attributes as they go back: with the mark that a MIC is there, and with the channel binding. */
function answerAttributes(
  challenge: NtlmChallenge,
  withMic: boolean,
  channelBinding: Uint8Array | null,
): NtlmAttribute[] {
  const attributes = challenge.attributes.filter(({ id }) =>
    !(withMic && id === Attribute.FLAGS) && !(channelBinding !== null && id === Attribute.CHANNEL_BINDINGS)
  );
  if (withMic) {
    const sent = challenge.attributes.find(({ id }) => id === Attribute.FLAGS)?.value[0] ?? 0;
    attributes.push({ id: Attribute.FLAGS, value: Uint8Array.of(sent | MIC_PRESENT, 0, 0, 0) });
  }
  if (channelBinding !== null) attributes.push({ id: Attribute.CHANNEL_BINDINGS, value: channelBinding });
  return attributes;
}

function layOut(
  flags: number,
  lmResponse: Uint8Array,
  ntResponse: Uint8Array,
  domain: Uint8Array,
  user: Uint8Array,
  workstation: Uint8Array,
): Uint8Array<ArrayBuffer> {
  // The payload is in the order of real clients: names first, then the responses; the header has an order of its own.
  const payload = [domain, user, workstation, lmResponse, ntResponse];
  const headerSlots = [28, 36, 44, 12, 20];
  const message = concatBytes(new Uint8Array(AUTHENTICATE_HEADER), ...payload);
  const view = new DataView(message.buffer);
  message.set(signature);
  view.setUint32(8, 3, true);
  let offset = AUTHENTICATE_HEADER;
  payload.forEach((part, index) => {
    const slot = headerSlots[index]!;
    view.setUint16(slot, part.byteLength, true);
    view.setUint16(slot + 2, part.byteLength, true);
    view.setUint32(slot + 4, offset, true);
    offset += part.byteLength;
  });
  view.setUint32(56, message.byteLength, true); // EncryptedRandomSessionKey: empty, no key is exchanged
  view.setUint32(60, flags, true);
  return message;
}

/**
 * NTLMv2 (MS-NLMP, MS-NTHT). User names are "user", "DOMAIN\\user" or "user@domain". It authenticates connections, so a
 * request begins with three rounds on a new connection and needs none on a used one. Off unless `useNtlm` is set or the
 * class is added with `session.addFeatureByType`.
 *
 * @example Allow NTLM
 * ```ts
 * import { AuthManager, AuthNtlm, HttpSession } from "@gp11/gp11/http";
 * import { assert } from "@std/assert";
 *
 * const session = new HttpSession({ useNtlm: true });
 * assert(session.getFeature(AuthManager)!.hasFeature(AuthNtlm));
 * await session.close();
 * ```
 */
export class AuthNtlm extends ConnectionScheme {
  /** "NTLM". */
  static override readonly schemeName: string = "NTLM";
  /** Above Basic, below Digest. */
  static override readonly strength: number = 3;

  /** NEGOTIATE_MESSAGE. */
  protected override firstToken(_handshake: Handshake): Uint8Array {
    return ntlmNegotiate();
  }

  /** AUTHENTICATE_MESSAGE. */
  protected override answer({ connection }: Handshake, message: Uint8Array): Uint8Array | null {
    const { credentials } = this;
    const challenge = parseNtlmChallenge(message);
    if (challenge === null || credentials?.kind !== "password") return null;
    const binding = channelBinding(connection);
    return ntlmAuthenticate(challenge, {
      user: credentials.user,
      password: credentials.password,
      clientChallenge: new Uint8Array(builtin.crypto.randomBytes(8)),
      timestamp: toFileTime(Date.now()),
      channelBinding: binding === null ? null : channelBindingHash(binding),
    });
  }
}
