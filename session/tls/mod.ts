export { NotSupportedError } from "../../internal/error_brand.ts";
export type { ByteDuplex } from "../../internal/byte_duplex.ts";
export type { BlockingTls, PeerCertificate, TlsInfo, TlsPieces } from "../../internal/tls_info.ts";
export type { ChainInput, ChainPart } from "./certificate_chain.ts";
export {
  TokenCertificate,
  tokenCertificate,
  type TokenCertificateOptions,
  type TokenTlsStream,
  type TokenTlsTarget,
} from "./token_certificate.ts";
export {
  type TokenTlsMaker,
  type TokenTlsPlace,
  TokenTlsSocket,
  tokenTlsSocket,
  type TokenTlsSocketOptions,
} from "./token_tls_socket.ts";
export type { AuthoritiesInput, AuthorityInput, RootCertificates } from "./trust.ts";
