export { callLogger } from "./observer.ts";
export type { LogCallsOptions, LoggedArgument, LoggedCall } from "./options.ts";
