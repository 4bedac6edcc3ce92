import { machineName, platform } from "../../internal/runtime.ts";
import { builtin } from "../../internal/builtin_modules.ts";

/** Where p11-kit keeps modules, most likely first; a relative path in its configuration is relative to this. */
function moduleFolders(): string[] {
  if (platform === "win32") return [];
  if (platform === "darwin") return ["/opt/homebrew/lib/pkcs11", "/usr/local/lib/pkcs11"];
  return [`/usr/lib/${machineName}-linux-gnu/pkcs11`, "/usr/lib64/pkcs11", "/usr/lib/pkcs11", "/usr/local/lib/pkcs11"];
}

/** The absolute path of a library; a relative one is in p11-kit's folder of modules. */
export function libraryPath(path: string): string {
  if (path.startsWith("/") || /^[A-Za-z]:[\\/]/.test(path)) return path;
  const folders = moduleFolders();
  const folder = folders.find((folder) => builtin.fs.existsSync(`${folder}/${path}`)) ?? folders[0];
  return folder === undefined ? path : `${folder}/${path}`;
}

/** p11-kit's own module for tokens that are served elsewhere. */
export function clientModulePath(): string {
  return libraryPath(platform === "win32" ? "p11-kit-client.dll" : "p11-kit-client.so");
}

/** Whether a path is that of p11-kit's client. */
export function isClientModule(path: string): boolean {
  return /(^|[\\/])p11-kit-client\.(so|dll|dylib)$/.test(path);
}
