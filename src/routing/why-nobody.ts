import { noHealthyUpstream, ProxyError } from "../errors.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** Milliseconds that clients are told to wait, at most. */
const longestWait = 300_000;

/** Why nobody can be asked: what they had said when all rest, else that none is well. */
export function whyNobody(model: string, upstreams: readonly Upstream[]): ProxyError {
  const now = performance.now();
  const rests = upstreams.flatMap(({ resting }) => resting ?? []);
  const waits = [
    ...rests.map(({ until }) => until - now),
    ...upstreams.map(({ circuit }) => circuit.remaining).filter((wait) => wait > 0),
  ];
  const seconds = Math.max(1, Math.ceil(Math.min(...waits, longestWait) / 1000));
  const soonest = rests.toSorted((a, b) => a.until - b.until)[0];
  if (soonest === undefined || rests.length < upstreams.length) {
    return noHealthyUpstream(model, seconds);
  }
  const { code, message, status, refusal, retryAfter } = soonest.error;
  return new ProxyError(code, message, {
    status,
    ...(refusal === undefined ? {} : { refusal }),
    ...(retryAfter === undefined ? {} : { retryAfter: seconds }),
  });
}
