import type { ArgumentDescription, OptionDescription } from "../contract/command.ts";

/** Options that every command has. */
export const globalOptions: readonly OptionDescription[] = [
  {
    name: "module",
    short: "m",
    value: "PATH",
    text: "Use the PKCS#11 module in this file, not the registered ones; may be repeated",
    multiple: true,
    isPath: true,
  },
  {
    name: "reserved",
    value: "TEXT",
    text: "Parameters for the module of --module, as NSS softokn wants them (pReserved of C_Initialize)",
  },
  { name: "json", text: "Write the result as JSON" },
  { name: "log-calls", text: "Log each call of a module to standard error, without secrets" },
  { name: "help", short: "h", text: "Show help" },
  { name: "version", short: "V", text: "Show the version" },
];

/** What is read. */
export const input: OptionDescription = {
  name: "in",
  short: "i",
  value: "FILE",
  text: "Read this file in place of standard input, which is -",
  isPath: true,
};

/** What is written. */
export const output: OptionDescription = {
  name: "out",
  short: "o",
  value: "FILE",
  text: "Write this file in place of standard output, which is -",
  isPath: true,
};

/** The name of what is made. */
export const label: OptionDescription = { name: "label", short: "l", value: "TEXT", text: "Its label (CKA_LABEL)" };

/** The identifier of what is made. */
export const id: OptionDescription = { name: "id", value: "HEX", text: "Its identifier (CKA_ID), in hexadecimal" };

/** Where the security officer's PIN is. */
export const soPinSource: OptionDescription = {
  name: "so-pin-source",
  value: "FILE",
  text: "The security officer's PIN is in this file; otherwise in GP11_SO_PIN, or it is asked for",
  isPath: true,
};

/** Where a PIN that is to be is. */
export const newPinSource: OptionDescription = {
  name: "new-pin-source",
  value: "FILE",
  text: "The new PIN is in this file; otherwise in GP11_NEW_PIN, or it is asked for, twice",
  isPath: true,
};

/** What is done with the certificate that a key has. */
export const replace: OptionDescription = {
  name: "replace",
  text: "Put the certificate in the place of the one that its key has, which is destroyed",
};

/** Whether a key may leave the token. */
export const extractable: OptionDescription = {
  name: "extractable",
  text: "Let the key leave the token later; by default it never does",
};

/** Whom a certificate is about. */
export const subject: OptionDescription = {
  name: "subject",
  value: "NAME",
  text: "Whom it is for, a name such as CN=example.org,O=Example (RFC 4514)",
  required: true,
};

/** Names of a certificate besides its subject. */
export const san: OptionDescription = {
  name: "san",
  value: "NAME",
  text:
    "Another name it is for, such as DNS:example.org, IP:192.0.2.1, email:a@example.org or URI:https://example.org/; may be repeated",
  multiple: true,
};

/** What is done with a key. */
export const mechanism: OptionDescription = {
  name: "mechanism",
  value: "NAME",
  text: "The mechanism, such as ES256 or CKM_ECDSA_SHA256; by default what fits the key",
};

/** How a key encrypts. */
export const cipher: OptionDescription = {
  ...mechanism,
  text: "The mechanism, such as CKM_AES_CBC_PAD or CKM_RSA_PKCS_OAEP; by default what fits the key",
};

/** How ECDSA signatures are written. */
export const signatureFormat: OptionDescription = {
  name: "signature-format",
  value: "FORM",
  text: "The form of ECDSA signatures: DER, as OpenSSL has it, by default, or raw, r and s side by side",
  choices: ["der", "raw"],
};

/** The digest of OAEP. */
export const hash: OptionDescription = {
  name: "hash",
  value: "NAME",
  text: "The digest of RSA-OAEP; SHA-256 by default, or SHA-1 on tokens that know no other",
  choices: ["SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"],
};

/** A token. */
export const tokenUri: ArgumentDescription = { name: "TOKEN-URI", text: "The token, such as pkcs11:token=demo" };

/** A key. */
export const keyUri: ArgumentDescription = {
  name: "KEY-URI",
  text: "The key, such as pkcs11:token=demo;object=release",
};
