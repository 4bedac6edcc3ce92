/**
 * Whether this program has more rights than the one who started it (setuid, setgid, file capabilities), whose files and
 * environment it must not believe then (secure_getenv(3)).
 *
 * @module
 */
import { builtin } from "./builtin_modules.ts";
import { platform } from "./runtime.ts";

/** getauxval's name for the answer. */
export const AT_SECURE = 23n;

/** Whether something may be looked at without the program's user being asked; the descriptor is Deno's. */
export type MayLook = (descriptor: Record<string, string>) => boolean;

let known: boolean | null = null;

/** What the runtime tells without native code: null where its permissions keep it from looking. */
export function secureExecution(mayLook: MayLook): boolean | null {
  return known ??= look(mayLook);
}

function look(mayLook: MayLook): boolean | null {
  if (platform === "win32") return false;
  if (platform === "linux") return secureInAuxiliaryVector(mayLook);
  const ids = identifiers(mayLook);
  return ids && (ids[0] !== ids[1] || ids[2] !== ids[3]);
}

/** The kernel's list as a file. One that is there and cannot be read belongs to a program with more rights. */
function secureInAuxiliaryVector(mayLook: MayLook): boolean | null {
  let bytes: Uint8Array;
  try {
    if (!mayLook({ name: "read", path: "/proc/self/auxv" })) return null;
    bytes = builtin.fs.readFileSync("/proc/self/auxv");
  } catch (error) {
    return error instanceof Error && error.name === "NotCapable" ? null : true;
  }
  const words = new BigUint64Array(new Uint8Array(bytes).buffer);
  for (let at = 0; at + 1 < words.length; at += 2) if (words[at] === AT_SECURE) return words[at + 1] !== 0n;
  return true;
}

/** The user's and the group's numbers, real and effective. */
function identifiers(mayLook: MayLook): readonly (number | undefined)[] | null {
  if (!mayLook({ name: "sys", kind: "uid" }) || !mayLook({ name: "sys", kind: "gid" })) return null;
  const { process } = builtin;
  return [process.getuid?.(), process.geteuid?.(), process.getgid?.(), process.getegid?.()];
}
