export { type TrustAnchor, trustAnchors, type TrustAnchorsOptions } from "./anchors.ts";
