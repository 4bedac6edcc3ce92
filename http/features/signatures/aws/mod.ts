/**
 * Requests that are signed for AWS.
 *
 * @module
 */
export { AwsSigV4, type AwsSigV4Options } from "./aws_sig_v4.ts";
export type { AwsCredentials } from "./request_signing.ts";
