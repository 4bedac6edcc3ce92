/** What follows when a server or proxy has accepted the credentials of a message; the body that it checks then on its way. */
import { reportUncaught } from "../../../internal/report_error.ts";
import { type HttpMessage, MessageFlags } from "../../message/message.ts";
import { parseAuthenticationInfo, parseChallenges } from "../../protocol/challenges.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import { passwordRequest } from "./negotiation.ts";
import { PasswordManager } from "./password_manager.ts";
import type { AuthScheme, BodyCheck } from "./scheme.ts";
import { connectionOf } from "../../contract/trust.ts";
import { type AuthProgress, originFields, proxyFields } from "./auth_progress.ts";
import type { BodyTransform } from "../../contract/feature.ts";

/** What a manager keeps about a message. */
export interface MessageAuth {
  /** Authentication with its origin. */
  readonly origin: AuthProgress;
  /** Authentication with its proxy. */
  readonly proxy: AuthProgress;
  /** A check of the response body that is under way. */
  check: BodyCheck | null;
}

/** Credentials have proved right: with the origin unless it answers 401, with the proxy unless it answers 407. */
export function accept(session: FeatureSession, msg: HttpMessage, state: MessageAuth): void | Promise<void> {
  if (connectionOf(msg) === null) return; // An answer from a cache proves nothing.
  const origin = msg.statusCode === 401 || msg.statusCode === 407 ? null : state.origin;
  const proxy = msg.statusCode === 407 ? null : state.proxy;
  const pending = [origin, proxy].map((progress) => {
    const sent = progress?.sent ?? null;
    if (progress === null || sent === null) return undefined;
    progress.next = null;
    const fields = progress === state.proxy ? proxyFields : originFields;
    const info = msg.responseHeaders.get(fields.info);
    const challenges = msg.responseHeaders.get(fields.challenge);
    const checked = sent.auth.accepted(
      sent.authorization,
      info === null ? null : parseAuthenticationInfo(info),
      challenges === null ? [] : parseChallenges(challenges),
    );
    if (sent.authorization.generation === sent.auth.generation) {
      sent.auth.proved();
      savePassword(session, msg, sent.auth);
    }
    if (checked instanceof Promise) return checked.then((check) => void (state.check = check ?? state.check));
    state.check = checked ?? state.check;
    return undefined;
  }).filter((promise) => promise !== undefined);
  if (pending.length > 0) return Promise.all(pending).then(() => {});
}

/**
 * Takes the check of the body over. A proof over the body (qop=auth-int) covers the bytes on the wire: where a runtime
 * has decoded them they are not known any more, the proof says nothing in either direction, and the check is left out.
 */
export function takeCheck(msg: HttpMessage, state: MessageAuth): BodyCheck | null {
  const { check } = state;
  state.check = null;
  return msg.hasFlag(MessageFlags.CONTENT_DECODED) ? null : check;
}

/** Hands a password that has proved right to the store, if its listener wished so. */
function savePassword(session: FeatureSession, msg: HttpMessage, auth: AuthScheme): void {
  const { credentials } = auth;
  if (credentials?.kind !== "password" || !credentials.remember) return;
  auth.remembered();
  const manager = session.getFeatureForMessage(PasswordManager, msg);
  if (manager === null) return;
  const { user, password } = credentials;
  // The response is here; a store that cannot save is no reason to lose it.
  new Promise<void>((resolve) => resolve(manager.store.save(passwordRequest(auth, false), { user, password })))
    .catch(reportUncaught);
}

/** Passes a body through a check; the stream fails at its end if the check does. */
export function checkBody(check: BodyCheck): BodyTransform {
  return (body) =>
    body.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(chunk, controller) {
          check.update(chunk);
          controller.enqueue(chunk);
        },
        flush: () => check.finish(),
      }),
    );
}
