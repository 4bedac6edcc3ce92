import { brandError } from "../../internal/error_brand.ts";

/**
 * p11-kit's configuration cannot be used: a file is damaged or cannot be read, or a module marked `critical` failed.
 * As in libp11-kit, nothing is loaded then.
 */
export class ConfigurationError extends Error {
  /** The file, folder or module the problem was met at. */
  readonly where: string;

  /**
   * Describes the problem.
   *
   * @param where The file, folder or module.
   * @param reason The problem as half a sentence.
   */
  constructor(where: string, reason: string, options?: ErrorOptions) {
    super(`Cannot use the p11-kit configuration: ${where}: ${reason}`, options);
    this.where = where;
  }
}

brandError(ConfigurationError, "ConfigurationError");
