/** Public test suites as npm publishes them, never part of this repository. */
import { type PublishedPackage, unpackedPackage } from "../../tools/published_package.ts";

/** Where a suite lies unpacked, or why it is not there. */
export type SuiteLocation = { path: string; skip: false } | { path: null; skip: string };

/** Brings a suite onto this machine through the npm client. */
export function locateSuite(suite: PublishedPackage): SuiteLocation {
  try {
    return { path: unpackedPackage(suite), skip: false };
  } catch (error) {
    return { path: null, skip: `cannot get ${suite.name} ${suite.version} from npm: ${String(error).split("\n")[0]}` };
  }
}
