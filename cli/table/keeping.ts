/** Commands that change what a token keeps, or write it down. */
import type { CommandDescription } from "../contract/command.ts";
import { extractable, id, input, label, output, replace, tokenUri } from "./options.ts";

/** The commands. */
export const keepingCommands: readonly CommandDescription[] = [
  {
    name: "keygen",
    summary: "Make a key pair or a secret key on a token",
    details: ["A private or secret key is sensitive and never leaves the token, unless --extractable says so."],
    arguments: [tokenUri],
    options: [
      {
        name: "type",
        short: "t",
        value: "TYPE",
        text: "What kind of key",
        choices: ["ec", "rsa", "ed25519", "x25519", "aes", "hmac"],
        required: true,
      },
      { name: "curve", value: "NAME", text: "The curve of an ec key: P-256 by default; P-384, P-521, secp256k1 …" },
      { name: "bits", value: "N", text: "The size in bits: 3072 by default for rsa, 256 for aes and hmac" },
      { ...label, required: true },
      { ...id, text: `${id.text}; by default 20 random bytes` },
      extractable,
    ],
    examples: [
      { text: "A key for signatures", line: "gp11 keygen pkcs11:token=demo --type ec --label release" },
      { text: "A larger one", line: "gp11 keygen pkcs11:token=demo --type rsa --bits 4096 --label archive --id 02" },
      { text: "A key for files", line: "gp11 keygen pkcs11:token=demo --type aes --label backup" },
    ],
    load: () => import("../commands/keygen.ts"),
  },
  {
    name: "import",
    summary: "Bring keys and certificates into a token",
    details: [
      "PEM with any number of blocks, DER, PKCS #7 (.p7b), or a JSON Web Key. Of a private key both halves are put there. An encrypted " +
      "key asks for its passphrase, or takes GP11_PASSPHRASE.",
      "A certificate that is on the token already is not brought in again. A renewed one is refused where no URI would " +
      "tell it from the one before: give it another label, or --replace.",
    ],
    arguments: [tokenUri],
    options: [
      input,
      label,
      { ...id, text: `${id.text}; by default that of the key's other half or certificate` },
      extractable,
      replace,
      { name: "unwrap", text: "Send the key encrypted, to devices that take none in the clear" },
    ],
    examples: [
      { text: "A key and its certificate", line: "gp11 import pkcs11:token=demo --in server.pem --label server" },
      { text: "A certificate beside its key", line: "gp11 import pkcs11:token=demo --in server.crt --label server" },
      { text: "A renewed one", line: "gp11 import pkcs11:token=demo --in server.crt --label server --replace" },
    ],
    load: () => import("../commands/import.ts"),
  },
  {
    name: "export",
    summary: "Write a public key, a certificate, or what a token lets out",
    details: [
      "Of several objects with one label the public key is written, else the certificate; type=… in the URI says another. " +
      "Private and secret keys come out only of tokens that let them, into files that their owner alone can read. With " +
      "ssh a line for authorized_keys is written, of a private key and a certificate, too.",
    ],
    arguments: [{ name: "URI", text: "The object, such as pkcs11:token=demo;object=release" }],
    options: [output, {
      name: "format",
      short: "f",
      value: "FORM",
      text: "The form: pem by default, raw for secret keys and data",
      choices: ["pem", "der", "jwk", "raw", "ssh"],
    }],
    examples: [
      { text: "For whoever verifies", line: "gp11 export 'pkcs11:token=demo;object=release' --out release.pub.pem" },
      { text: "As a JSON Web Key", line: "gp11 export 'pkcs11:token=demo;object=release' --format jwk" },
      { text: "A certificate", line: "gp11 export 'pkcs11:token=demo;object=server;type=cert' --out server.crt" },
      { text: "For SSH", line: "gp11 export 'pkcs11:token=demo;object=login' --format ssh >> authorized_keys" },
    ],
    load: () => import("../commands/export.ts"),
  },
  {
    name: "delete",
    summary: "Destroy objects of a token for ever",
    details: ["Everything that the URI matches goes, both halves of a pair too, unless it says type=…"],
    arguments: [{ name: "URI", text: "The objects, such as pkcs11:token=demo;object=old" }],
    options: [{ name: "yes", short: "y", text: "Do not ask" }],
    examples: [
      { text: "After a question", line: "gp11 delete 'pkcs11:token=demo;object=old'" },
      { text: "In a script", line: "gp11 delete 'pkcs11:token=demo;id=%02;type=cert' --yes" },
    ],
    load: () => import("../commands/delete.ts"),
  },
];
