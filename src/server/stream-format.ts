/** How the objects of a stream are framed, and the headers that go with it. */
export interface StreamFormat {
  readonly headers: Readonly<Record<string, string>>;
  /** @param json one line of JSON text */
  frame(json: string): string;
  /** Sent after so much silence, to keep middle boxes from closing the connection. */
  readonly heartbeat?: { readonly text: string; readonly after: number };
}

/** A balancer in front must not hold chunks back. */
const unbuffered = { "cache-control": "no-cache", "x-accel-buffering": "no" };

/** One object a line and nothing else: many clients fail on a blank line. */
export const ndjson: StreamFormat = {
  headers: { "content-type": "application/x-ndjson", ...unbuffered },
  frame: (json) => `${json}\n`,
};

const eventHeaders = {
  "content-type": "text/event-stream",
  connection: "keep-alive",
  ...unbuffered,
};
const heartbeat = { text: ": keep-alive\n\n", after: 15_000 };

export const serverSentEvents: StreamFormat = {
  headers: eventHeaders,
  heartbeat,
  frame: (json) => `data: ${json}\n\n`,
};

/** Events that are framed already: what `/v1` passes on. */
export const passedEvents: StreamFormat = {
  headers: eventHeaders,
  heartbeat,
  frame: (event) => event,
};

export type StreamFormatSetting = "auto" | "ndjson" | "sse";

/** NDJSON unless the request's `Accept` prefers `text/event-stream`, or the configuration decides. */
export function chooseStreamFormat(
  setting: StreamFormatSetting,
  accept: string | undefined,
): StreamFormat {
  if (setting === "ndjson") return ndjson;
  if (setting === "sse") return serverSentEvents;
  return prefersEventStream(accept ?? "") ? serverSentEvents : ndjson;
}

/** RFC 9110 weights; a wildcard expresses no preference. */
function prefersEventStream(accept: string): boolean {
  const ranges = accept.split(",").map((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    return { type, weight: weight === undefined ? 1 : Number(weight) || 0 };
  });
  const weightOf = (...types: string[]) =>
    Math.max(0, ...ranges.filter(({ type }) => types.includes(type)).map(({ weight }) => weight));
  const events = weightOf("text/event-stream");
  const lines = weightOf("application/x-ndjson", "application/ndjson", "application/jsonl");
  const json = weightOf("application/json");
  return events > 0 && events >= json && events > lines;
}
