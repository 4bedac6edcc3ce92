import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { nativeRuntime } from "../../../ffi/runtime/runtime.ts";
import type { NativeFunction } from "../../../ffi/runtime/native.ts";
import { Cryptoki } from "../../../ffi/tables/cryptoki.ts";
import { P11Kit } from "../../../ffi/tables/p11_kit.ts";
import { Module } from "../../../session/mod.ts";
import { gnutlsPath, p11KitPath } from "../../../tools/native_libraries.ts";
import { compileMockModule, mockModuleSkip } from "../../_support/mock_module.ts";

const gnutlsSkip = mockModuleSkip || (gnutlsPath() === null ? "GnuTLS is not installed" : false);
const p11KitSkip = mockModuleSkip || (p11KitPath() === null ? "libp11-kit is not installed" : false);

function cString(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(text.length + 1));
  new TextEncoder().encodeInto(text, bytes);
  return bytes;
}

describe("another native user of libp11-kit in this process", () => {
  it("GnuTLS keeps its module through our loads and closes", { skip: gnutlsSkip }, async () => {
    const mock = compileMockModule("gnutls");
    const runtime = nativeRuntime();
    const gnutls = runtime.open(gnutlsPath()!);
    const bind = (name: string, arity: number): NativeFunction => gnutls.bind(name, arity, "i32")!;
    const path = cString(mock.path);
    const url = new Uint8Array(new ArrayBuffer(8));
    const token = () => bind("gnutls_pkcs11_token_get_url", 3)(0n, 0n, runtime.address(url));
    assertEquals(bind("gnutls_pkcs11_init", 2)(0n, 0n), 0);
    assertEquals(bind("gnutls_pkcs11_add_provider", 2)(runtime.address(path), 0n), 0);
    assertEquals([token(), mock.initializes()], [0, 1]);

    for (let cycle = 0; cycle < 3; cycle++) {
      const module = await Module.load(mock.path, { managed: "p11-kit" });
      await (await module.slots())[0]!.openSession();
      await module.close();
      assertEquals([token(), mock.initializes(), mock.finalizes(), mock.sessions()], [0, 1, 0, 0]);
    }
    const session = await (await (await Module.load(mock.path, { managed: "p11-kit" })).slots())[0]!.openSession();
    bind("gnutls_pkcs11_deinit", 0)();
    await session.getInfo();
    assertEquals(mock.finalizes(), 0);
    await session.module.close();
    assertEquals([mock.initializes(), mock.finalizes()], [1, 1]);
  });

  it("a C caller's sessions survive ours, and ours survive its C_Finalize", { skip: p11KitSkip }, async () => {
    const mock = compileMockModule("native");
    const native = Cryptoki.fromFunctionList(P11Kit.open(p11KitPath()!).loadModule(mock.path));
    assertEquals(native.call("C_Initialize", 0n), 0);
    const handle = new Uint8Array(new ArrayBuffer(8));
    assertEquals(native.call("C_OpenSession", 0n, 4n, 0n, 0n, nativeRuntime().address(handle)), 0);

    const module = await Module.load(mock.path, { managed: "p11-kit" });
    const session = await (await module.slots())[0]!.openSession();
    await module.closeAllSessions();
    assertEquals([session.closed, mock.sessions()], [true, 1]);
    const second = await (await module.slots())[0]!.openSession();
    assertEquals(native.call("C_Finalize", 0n), 0);
    assertEquals([mock.sessions(), mock.finalizes()], [1, 0]);
    await second.getInfo();
    await module.close();
    assertEquals([mock.initializes(), mock.finalizes()], [1, 1]);
  });
});
