/** The look at a token before a handshake: calls that go in front of another one, which is made only if they all go well. */
import { CKA } from "../../ffi/constants/mod.ts";
import type { Block } from "../../ffi/memory/block.ts";
import { structLayout } from "../../ffi/memory/structs.ts";
import { CK_SESSION_INFO } from "../../ffi/memory/structs_infos.ts";
import { writeTemplate } from "../../ffi/memory/templates.ts";
import type { FunctionName } from "../../ffi/tables/functions.ts";
import type { Gnutls } from "../../ffi/tables/gnutls.ts";
import type { NativeCall } from "../../ffi/workers/worker_pool.ts";
import type { SessionCore } from "../core/session_core.ts";

/** What must still be as it was. */
export interface CheckedKey {
  /** A session. */
  readonly session: SessionCore;
  /** The handle of an object in it. */
  readonly object: bigint;
  /** The CKS_ state it must be in, its user logged in; null where its token wants no login. */
  readonly state: number | bigint | null;
}

/**
 * Calls of which one fails when the session is gone, is in another state, or the object has lost its handle: a logout
 * ends those of private objects, whoever has logged in again since.
 *
 * @param block Where they read and write; it must stay as long as they are under way.
 */
export function keyCheck(gnutls: Gnutls, block: Block, { object, session, state }: CheckedKey): NativeCall[] {
  const { table } = session.module.engine;
  const { offsets, size } = structLayout(CK_SESSION_INFO, table.abi);
  const info = block.alloc(size);
  const asked = block.address(writeTemplate(block, [{ type: CKA.CLASS, value: 0 }]));
  const calls = [
    call("C_GetSessionInfo", [session.handle, block.address(info)]),
    call("C_GetAttributeValue", [session.handle, object, asked, 1n]),
  ];
  if (state !== null) {
    const wanted = block.alloc(table.abi.ulong);
    block.setUlong(wanted, state);
    const args = [block.address(info + offsets.state), block.address(wanted), BigInt(table.abi.ulong)];
    calls.push({ fn: gnutls.get("memcmp"), args });
  }
  return calls;

  function call(name: FunctionName, args: readonly bigint[]): NativeCall {
    return { fn: table.get(name)!, args };
  }
}
