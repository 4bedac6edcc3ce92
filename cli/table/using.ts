/** Commands that use keys. */
import type { CommandDescription } from "../contract/command.ts";
import {
  cipher,
  hash,
  input,
  keyUri,
  label,
  mechanism,
  output,
  replace,
  san,
  signatureFormat,
  subject,
} from "./options.ts";

/** The commands. */
export const usingCommands: readonly CommandDescription[] = [
  {
    name: "sign",
    summary: "Sign a file with a key of a token",
    details: [
      "Where the token can sign a digest, the digest is made here and only that goes into the token. Signatures are in the " +
      "form that OpenSSL verifies.",
    ],
    arguments: [keyUri],
    options: [mechanism, input, output, signatureFormat],
    examples: [
      {
        text: "Sign a release",
        line: "gp11 sign 'pkcs11:token=demo;object=release' --in gp11.tgz --out gp11.tgz.sig",
      },
      {
        text: "Verify it with OpenSSL",
        line: "openssl dgst -sha256 -verify release.pub.pem -signature gp11.tgz.sig gp11.tgz",
      },
      { text: "With RSA-PSS", line: "gp11 sign 'pkcs11:token=demo;object=archive' --mechanism PS256 --in a.tar" },
    ],
    load: () => import("../commands/sign.ts"),
  },
  {
    name: "verify",
    summary: "Check a signature",
    details: ["A public key, or a certificate, needs no PIN. A wrong signature ends with exit code 1."],
    arguments: [keyUri],
    options: [
      mechanism,
      input,
      {
        name: "signature",
        short: "s",
        value: "FILE",
        text: "The file with the signature",
        required: true,
        isPath: true,
      },
      signatureFormat,
    ],
    examples: [{
      text: "Before a release is installed",
      line: "gp11 verify 'pkcs11:token=demo;object=release' --in gp11.tgz --signature gp11.tgz.sig",
    }],
    load: () => import("../commands/verify.ts"),
  },
  {
    name: "request",
    summary: "Write a certificate request for a key of a token",
    details: ["A request (PKCS#10) is what an authority makes a certificate of; gp11 import puts that beside the key."],
    arguments: [keyUri],
    options: [subject, san, output],
    examples: [{
      text: "For a server",
      line: "gp11 request 'pkcs11:token=demo;object=web' --subject 'CN=example.org,O=Example' --san DNS:example.org " +
        "--out web.csr",
    }],
    load: () => import("../commands/request.ts"),
  },
  {
    name: "certificate",
    summary: "Make a certificate that a key of a token signs for itself",
    details: [
      "--store puts it on the token beside its key, with the key's id and, where --label gives none, its label.",
    ],
    arguments: [keyUri],
    options: [
      subject,
      san,
      { name: "days", value: "N", text: "Days for which it is valid", required: true },
      output,
      { name: "store", text: "Put it on the token, beside its key" },
      label,
      replace,
    ],
    examples: [
      {
        text: "As a file",
        line: "gp11 certificate 'pkcs11:token=demo;object=web' --subject CN=example.org --days 90 --out web.crt",
      },
      {
        text: "On the token, in place of the one before",
        line: "gp11 certificate 'pkcs11:token=demo;object=web' --subject CN=example.org --days 90 --store --replace",
      },
    ],
    load: () => import("../commands/certificate.ts"),
  },
  {
    name: "encrypt",
    summary: "Encrypt a file with a key of a token",
    details: [
      "AES keys use AES-GCM; 12 bytes of IV stand before the encrypted file and 16 bytes of tag behind it. RSA keys take a " +
      "few bytes with OAEP, such as another key.",
    ],
    arguments: [keyUri],
    options: [cipher, hash, input, output],
    examples: [{
      text: "A backup",
      line: "tar c docs | gp11 encrypt 'pkcs11:token=demo;object=backup' --out docs.tar.enc",
    }],
    load: () => import("../commands/encrypt.ts"),
  },
  {
    name: "decrypt",
    summary: "Decrypt a file with a key of a token",
    details: ["Nothing is written before the token has found the whole file right."],
    arguments: [keyUri],
    options: [cipher, hash, input, output],
    examples: [{
      text: "The backup again",
      line: "gp11 decrypt 'pkcs11:token=demo;object=backup' --in docs.tar.enc | tar t",
    }],
    load: () => import("../commands/decrypt.ts"),
  },
  {
    name: "fetch",
    summary: "Send an HTTP request, signed by a key of a token",
    details: [
      "--sign adds an HTTP message signature (RFC 9421); --client-key shows the key's certificate to the server. A status " +
      "from 400 on ends with exit code 1.",
    ],
    arguments: [{ name: "URL", text: "What to ask for: an http: or https: URL" }],
    options: [
      { name: "sign", value: "KEY-URI", text: "Sign the request with this key" },
      {
        name: "algorithm",
        value: "NAME",
        text: "The signature's algorithm, such as PS512; by default what fits the key",
      },
      { name: "tag", value: "TEXT", text: "What the signature is for, as the server wants it" },
      { name: "client-key", value: "KEY-URI", text: "Authenticate with TLS by this key and its certificate" },
      {
        name: "cacert",
        value: "FILE",
        text: "Trust servers by the authorities in this PEM file, not by the system's",
        isPath: true,
      },
      { name: "method", short: "X", value: "METHOD", text: "The method: GET by default, with --in POST" },
      {
        name: "header",
        short: "H",
        value: "LINE",
        text: "A header field, such as 'Accept: text/plain'; may be repeated",
        multiple: true,
      },
      { ...input, text: "Send this file as the body; - is standard input" },
      output,
    ],
    examples: [
      { text: "A page", line: "gp11 fetch https://example.com/" },
      { text: "From a server with an authority of one's own", line: "gp11 fetch https://intranet/ --cacert ca.pem" },
      {
        text: "A signed order",
        line: "gp11 fetch https://api.example.com/orders --sign 'pkcs11:token=demo;object=release' --in order.json " +
          "-H 'Content-Type: application/json'",
      },
    ],
    load: () => import("../commands/fetch.ts"),
  },
];
