// A private certificate authority and the certificates TLS tests need, made with the openssl command in a directory of its own.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** One certificate with its key, as PEM text and as the files they were read from. */
export interface TestCertificate {
  cert: string;
  key: string;
  certFile: string;
  keyFile: string;
}

/** What {@linkcode makeCertificates} leaves in its directory; removing it removes the directory. */
export interface TestCertificates extends AsyncDisposable {
  directory: string;
  /** The authority that signed everything below except `stranger`. */
  ca: TestCertificate;
  /** localhost, 127.0.0.1 and ::1, valid now. */
  good: TestCertificate;
  /** As `good`, but ended years ago. */
  expired: TestCertificate;
  /** As `good`, but for wrong.example. */
  wrongName: TestCertificate;
  /** For TLS clients. */
  client: TestCertificate;
  /** Another authority, which signed nothing here. */
  stranger: TestCertificate;
  remove(): Promise<void>;
}

const CA_CONFIG = `[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
organizationName = optional
commonName = supplied
`;

const LOCAL_NAMES = "DNS:localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1";
const VALID_FROM = "20240101000000Z";
const NEVER_ENDS = "20491231000000Z";
const ENDED = "20240102000000Z";

/** Makes the authority and its certificates; takes about a tenth of a second. */
export async function makeCertificates(): Promise<TestCertificates> {
  const directory = await mkdtemp(join(tmpdir(), "gp11-tls-"));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    await writeFile(join(directory, "ca.cnf"), CA_CONFIG);
    await writeFile(join(directory, "index.txt"), "");
    await writeFile(join(directory, "serial"), "1000");
    const [ca, stranger] = await Promise.all([
      authority(directory, "ca", "gp11 test authority"),
      authority(directory, "stranger", "somebody else's authority"),
    ]);
    // One after another: they share the authority's serial file.
    const good = await leaf(directory, "good", "localhost", LOCAL_NAMES, NEVER_ENDS);
    const expired = await leaf(directory, "expired", "localhost", LOCAL_NAMES, ENDED);
    const wrongName = await leaf(directory, "wrong-name", "wrong.example", "DNS:wrong.example", NEVER_ENDS);
    const client = await leaf(directory, "client", "gp11 test client", "DNS:client.example", NEVER_ENDS);
    return {
      directory,
      ca,
      good,
      expired,
      wrongName,
      client,
      stranger,
      remove,
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** One more certificate of the authority: \`names\` as openssl's configuration has them, null for none at all. */
export function certificateFor(
  { directory }: TestCertificates,
  name: string,
  names: string | null,
): Promise<TestCertificate> {
  return leaf(directory, name, "localhost", names, NEVER_ENDS);
}

async function authority(directory: string, name: string, commonName: string): Promise<TestCertificate> {
  await openssl(directory, [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
    ...["-keyout", `${name}.key`, "-out", `${name}.pem`, "-subj", `/O=gp11/CN=${commonName}`, "-days", "3650"],
  ]);
  return await loaded(directory, name);
}

async function leaf(
  directory: string,
  name: string,
  commonName: string,
  alternativeNames: string | null,
  end: string,
): Promise<TestCertificate> {
  await openssl(directory, [
    ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
    ...["-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/O=gp11/CN=${commonName}`],
  ]);
  await writeFile(
    join(directory, `${name}.ext`),
    "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n" +
      (alternativeNames === null ? "" : `subjectAltName=${alternativeNames}\n`),
  );
  await openssl(directory, [
    ...["ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key"],
    ...["-in", `${name}.csr`, "-out", `${name}.pem`, "-extfile", `${name}.ext`],
    ...["-startdate", VALID_FROM, "-enddate", end],
  ]);
  return await loaded(directory, name);
}

async function loaded(directory: string, name: string): Promise<TestCertificate> {
  const certFile = join(directory, `${name}.pem`);
  const keyFile = join(directory, `${name}.key`);
  const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
  return { cert, key, certFile, keyFile };
}

async function openssl(directory: string, args: string[]): Promise<void> {
  await run("openssl", args, { cwd: directory });
}
