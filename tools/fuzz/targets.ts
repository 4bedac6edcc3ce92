/** The targets by name. */
import { frames, hpack } from "./http2_targets.ts";
import { bodies, sections } from "./http_targets.ts";
import { keys, module, templates } from "./key_targets.ts";
import type { TargetMaker } from "./target.ts";
import { challenges, configuration, cookies, fields, signatures, uris } from "./text_targets.ts";

/** Each reader of what comes from outside. */
export const targets: Readonly<Record<string, TargetMaker>> = {
  uris,
  configuration,
  templates,
  module,
  keys,
  sections,
  fields,
  challenges,
  cookies,
  signatures,
  bodies,
  frames,
  hpack,
};
