/** What makes and carries the connections of a client certificate: loaded when there is one. */
export { BlockingStream } from "./blocking_stream.ts";
export { CredentialPool } from "./credentials.ts";
export { Resumptions } from "./resumptions.ts";
export { beginSession, secureStream } from "./secure_stream.ts";
