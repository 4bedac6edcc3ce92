/** Object identifiers of key algorithms (RFC 3279, RFC 4055, RFC 5480). */
export const KeyOid = {
  RSA: "1.2.840.113549.1.1.1",
  RSA_PSS: "1.2.840.113549.1.1.10",
  EC: "1.2.840.10045.2.1",
} as const;
