/** Commands that set up a token: its PINs, and the token itself. */
import type { CommandDescription } from "../contract/command.ts";
import { label, newPinSource, soPinSource, tokenUri } from "./options.ts";

/** The commands. */
export const preparingCommands: readonly CommandDescription[] = [
  {
    name: "pin",
    summary: "Change a PIN, or set the user's anew",
    details: [
      "change sets another PIN in place of the old one, with --so the security officer's. unblock sets the user's PIN by " +
      "that of the security officer: the first one, or another where it is forgotten or locked.",
      "Both PINs are asked for at the terminal, or at the keys of the reader. In scripts the old one is in the URI's " +
      "pin-source or in GP11_PIN. What can be told to be wrong is refused before it costs a try.",
    ],
    arguments: [{ name: "ACTION", text: "What is done", choices: ["change", "unblock"] }, tokenUri],
    options: [
      newPinSource,
      soPinSource,
      { name: "so", text: "Change the PIN of the security officer, not that of the user" },
    ],
    examples: [
      { text: "A new PIN for a card", line: "gp11 pin change 'pkcs11:token=My%20card'" },
      { text: "After too many wrong ones", line: "gp11 pin unblock 'pkcs11:token=My%20card'" },
      { text: "The security officer's", line: "gp11 pin change pkcs11:token=demo --so" },
    ],
    load: () => import("../commands/pin.ts"),
  },
  {
    name: "init",
    summary: "Initialise a token, which destroys everything on it",
    details: [
      "A new token gets the security officer's PIN that is given here. One that was initialised before wants the PIN it " +
      "has, and a yes, as everything on it is lost. The user's PIN is set too where there is one; a person is asked for it.",
    ],
    arguments: [{ name: "SLOT", text: "The slot's number, as gp11 slots lists it, or a URI of the slot or its token" }],
    options: [
      { ...label, text: "The token's label", required: true },
      soPinSource,
      { ...newPinSource, text: "The user's PIN is in this file; otherwise in GP11_NEW_PIN, or it is asked for, twice" },
      { name: "yes", short: "y", text: "Do not ask before what is on the token is destroyed" },
    ],
    examples: [
      { text: "A new token", line: "gp11 init 0 --label demo" },
      { text: "One that was used before", line: "gp11 init pkcs11:token=old --label demo --yes" },
    ],
    load: () => import("../commands/init.ts"),
  },
];
