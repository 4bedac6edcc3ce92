export { registerPinSource, requestPin } from "./sources.ts";
export type { PinSourceAnswer, PinSourceCallback, PinSourceCallbackRequest, PinSourceRequest } from "./sources.ts";
