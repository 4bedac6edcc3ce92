/** What makes and carries the connections of a client certificate: loaded when there is one. */
export { BlockingStream } from "./blocking_stream.ts";
export { checkChain, readChain } from "./certificate_chain.ts";
export { CredentialPool } from "./credentials.ts";
export { addModule, openGnutls } from "./gnutls.ts";
export { Resumptions } from "./resumptions.ts";
export { beginSession, secureStream } from "./secure_stream.ts";
export { TokenKey } from "./token_key.ts";
export { inPlace, onEventLoop } from "./work.ts";
