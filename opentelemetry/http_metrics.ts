/** The metrics of HTTP clients. */
import type { FeatureSession } from "../http/contract/feature_session.ts";
import type { Connection } from "../http/transports/connection.ts";
import { type Counter, DURATIONS, type Instruments, type Recorder } from "./instruments.ts";

/** The instruments that attempts write to. */
export interface HttpInstruments {
  /** Seconds from the beginning of an attempt to its end. */
  readonly duration: Recorder;
  /** Seconds until an attempt has had its connection. */
  readonly timeInQueue: Recorder;
  /** Attempts under way. */
  readonly active: Counter;
}

/** Makes the instruments; connections are counted when they are asked for. */
export function httpInstruments(instruments: Instruments, sessions: ReadonlySet<FeatureSession>): HttpInstruments {
  let told: ReadonlyMap<string, Count> = new Map();
  const description = "Number of outbound HTTP connections that are active or idle";
  instruments.observed("http.client.open_connections", { description, unit: "{connection}" }, (result) => {
    const now = counts(sessions);
    // What was there and is gone would else keep its last number.
    for (const [key, { attributes }] of told) if (!now.has(key)) result.observe(0, attributes);
    for (const { attributes, count } of now.values()) result.observe(count, attributes);
    told = now;
  });
  return {
    duration: instruments.histogram("http.client.request.duration", {
      ...DURATIONS,
      description: "Duration of HTTP client requests",
    }),
    timeInQueue: instruments.histogram("http.client.request.time_in_queue", {
      ...DURATIONS,
      description: "Time that requests have waited for a connection",
    }),
    active: instruments.counter("http.client.active_requests", {
      description: "Number of active HTTP requests",
      unit: "{request}",
    }),
  };
}

interface Count {
  readonly attributes: Readonly<Record<string, string | number>>;
  count: number;
}

function counts(sessions: ReadonlySet<FeatureSession>): ReadonlyMap<string, Count> {
  const all = new Map<string, Count>();
  for (const session of sessions) {
    for (const { host, port, state } of connectionsOf(session)) {
      const shown = state === "idle" ? "idle" : "active";
      const attributes = { "http.connection.state": shown, "server.address": host, "server.port": port };
      const key = `${shown} ${host} ${port}`;
      const known = all.get(key);
      if (known === undefined) all.set(key, { attributes, count: 1 });
      else known.count++;
    }
  }
  return all;
}

/** What features see of a session leaves its connections out; an `HttpSession` has them. */
function connectionsOf(session: FeatureSession): readonly Connection[] {
  return (session as FeatureSession & { readonly connections?: readonly Connection[] }).connections ?? [];
}
