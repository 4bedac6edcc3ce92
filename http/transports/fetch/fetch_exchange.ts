/**
 * What an exchange by fetch needs besides the runtime's own: it is loaded for the first one, not with the library.
 *
 * @module
 */
export { isNamed } from "../../../internal/x509/certificate_names.ts";
export { basicAuthorization } from "../basic_authorization.ts";
export { certificateOf } from "../peer_certificate.ts";
export { explainFetchError } from "./fetch_errors.ts";
export { asDecoded, withAcceptEncoding } from "./runtime_decoding.ts";
