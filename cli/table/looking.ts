/** Commands that only look. */
import type { CommandDescription } from "../contract/command.ts";
import { output } from "./options.ts";

/** The commands. */
export const lookingCommands: readonly CommandDescription[] = [
  {
    name: "modules",
    summary: "List the PKCS#11 modules",
    details: ["Modules are those that p11-kit's configuration registers for the program gp11, or those of --module."],
    arguments: [],
    options: [],
    examples: [
      { text: "What is registered on this machine", line: "gp11 modules" },
      { text: "What a library says of itself", line: "gp11 modules --module /usr/lib/softhsm/libsofthsm2.so" },
    ],
    load: () => import("../commands/modules.ts"),
  },
  {
    name: "slots",
    summary: "List slots and the tokens in them",
    details: ["The state tells of a PIN that is locked, or has one try left."],
    arguments: [],
    options: [],
    examples: [
      { text: "Tokens and their URIs", line: "gp11 slots" },
      { text: "The URIs for a program", line: "gp11 slots --json | jq -r '.[].token.uri // empty'" },
    ],
    load: () => import("../commands/slots.ts"),
  },
  {
    name: "mechanisms",
    summary: "List what a token can do: its mechanisms",
    arguments: [{ name: "TOKEN-URI", text: "The token; all where it is left out", optional: true }],
    options: [],
    examples: [{ text: "Mechanisms, key sizes and uses", line: "gp11 mechanisms pkcs11:token=demo" }],
    load: () => import("../commands/mechanisms.ts"),
  },
  {
    name: "objects",
    summary: "List keys, certificates and data",
    details: [
      "Private objects are listed after a login only: with --login, where the URI says type=private or type=secret-key, " +
      "and where GP11_PIN or a pin-source has the PIN of the one token that matches.",
    ],
    arguments: [{ name: "URI", text: "Which objects; all where it is left out", optional: true }],
    options: [{ name: "login", text: "Log in, so that private objects are listed too" }],
    examples: [
      { text: "What anybody may see", line: "gp11 objects" },
      { text: "Everything on a token", line: "gp11 objects pkcs11:token=demo --login" },
      { text: "Certificates", line: "gp11 objects 'pkcs11:token=demo;type=cert'" },
    ],
    load: () => import("../commands/objects.ts"),
  },
  {
    name: "uri",
    summary: "Say what a PKCS#11 URI means",
    arguments: [{ name: "TEXT", text: "The URI" }],
    options: [],
    examples: [{ text: "Its parts, decoded", line: "gp11 uri 'pkcs11:token=My%20card;id=%01;type=private'" }],
    load: () => import("../commands/uri.ts"),
  },
  {
    name: "trust",
    summary: "List the certificates this machine trusts",
    details: [
      "They come from the trust modules that p11-kit registers; who is distrusted in any of them is left out. With --module " +
      "those modules are asked alone.",
    ],
    arguments: [],
    options: [
      {
        name: "purpose",
        value: "NAME",
        text: "Only those trusted for this: serverAuth, clientAuth, email, codeSigning, timeStamping, or an OID",
      },
      { ...output, text: "Write them to this file as PEM, - is standard output" },
    ],
    examples: [
      { text: "Who may vouch for web servers", line: "gp11 trust --purpose serverAuth" },
      { text: "A bundle for other programs", line: "gp11 trust --purpose serverAuth --out roots.pem" },
    ],
    load: () => import("../commands/trust.ts"),
  },
];
