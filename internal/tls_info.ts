/** What TLS shows and how its bytes are handed on, whoever makes it. */

/** A certificate a peer has shown. */
export interface PeerCertificate {
  /** The certificate in DER. */
  readonly der: Uint8Array;
  /** Subject, as one line. */
  readonly subject: string;
  /** Issuer, as one line. */
  readonly issuer: string;
  /** SHA-256 fingerprint in hexadecimal with colons. */
  readonly fingerprint256: string;
  /** Start of validity. */
  readonly validFrom: Date;
  /** End of validity. */
  readonly validTo: Date;
  /** Subject alternative names, for example "DNS:example.com". */
  readonly altNames: readonly string[];
}

/** What a TLS handshake showed. */
export interface TlsInfo {
  /** The peer's certificate; null when the runtime does not show it. */
  readonly certificate: PeerCertificate | null;
  /** Why the certificate is not trusted, as stable codes such as "CERT_HAS_EXPIRED"; empty when it is. */
  readonly errors: readonly string[];
  /** For example "TLSv1.3"; empty when unknown. */
  readonly protocol: string;
  /** Cipher suite name; empty when unknown. */
  readonly cipher: string;
  /** What both sides have agreed to speak (RFC 7301), for example "http/1.1"; null for nothing, absent when unknown. */
  readonly alpnProtocol?: string | null | undefined;
}

/** What came of bytes that TLS was given. */
export interface TlsPieces {
  /** Bytes for the peer. */
  readonly encrypted: readonly Uint8Array[];
  /** Bytes of the peer. */
  readonly decrypted: readonly Uint8Array[];
  /** The peer sends nothing any more. */
  readonly hasEnded: boolean;
}

/** The TLS of one connection, for a thread that waits: bytes go in and come out, and somebody else moves them. */
export interface BlockingTls {
  /** What the handshake has shown; null until it is over. */
  readonly tls: TlsInfo | null;
  /**
   * Takes what the peer has sent, "end" when it sends no more, and what is to be sent to it. The first call begins the
   * handshake.
   *
   * @throws {Error} when TLS fails
   */
  exchange(received: Uint8Array | "end" | null, written: Uint8Array | null): TlsPieces;
  /** Frees it. */
  close(): void;
}
