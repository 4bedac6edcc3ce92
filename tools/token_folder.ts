// A SoftHSM configuration of its own in a temporary folder: no token of the machine is seen or touched.

/** A private folder for SoftHSM's tokens. */
export interface TokenFolder extends Disposable {
  /** The folder; it may hold other temporary files too. */
  readonly path: string;
  /** The configuration file, the value for `SOFTHSM2_CONF`. */
  readonly config: string;
}

/** Makes an empty token folder, in the system's temporary one or another; disposing it removes everything in it. */
export function createTokenFolder(dir?: string): TokenFolder {
  const path = Deno.makeTempDirSync({ prefix: "gp11-", ...(dir === undefined ? {} : { dir }) });
  Deno.mkdirSync(`${path}/tokens`, { mode: 0o700 });
  const config = `${path}/softhsm2.conf`;
  Deno.writeTextFileSync(
    config,
    `directories.tokendir = ${path}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  return { path, config, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}
