import type { ErrorCode, ProxyError } from "../errors.ts";

/** What follows from a failed try. */
export interface Verdict {
  /** Whether another backend may be asked; `ambiguous`: only where that may be paid for twice. */
  readonly retry: "safe" | "ambiguous" | "never";
  /** Whether it speaks against the backend's health. */
  readonly fails: boolean;
  /** What is to be left alone for a while. */
  readonly rests?: "key" | "upstream";
  /** Milliseconds. */
  readonly restFor?: number;
  /** Only a person can mend it. */
  readonly alarm?: true;
}

const anywhereElse: Verdict = { retry: "safe", fails: true };
const nowhere: Verdict = { retry: "never", fails: false };
const elsewhere: Verdict = { retry: "safe", fails: false };

/** Milliseconds that a key rests which was refused, or has no money left. */
const longRest = 60_000;
/** The same after a 429 that does not say for how long. */
const shortRest = 5_000;

/** By what went wrong; what is not here is the request's own fault, or the client's. */
const verdicts: { readonly [Code in ErrorCode]?: Verdict } = {
  upstream_unreachable: anywhereElse,
  upstream_malformed: anywhereElse,
  upstream_truncated: { retry: "never", fails: true },
  upstream_timeout: anywhereElse,
  upstream_failed: anywhereElse,
  upstream_unauthorized: { ...elsewhere, rests: "key", restFor: longRest, alarm: true },
};

/** What a failure means for the next try, and for the backend. */
export function verdictOn(error: ProxyError): Verdict {
  const { code, status, ambiguous } = error;
  if (code === "upstream_overloaded") return verdictOnOverload(error);
  // It does not have the model that its list may have named.
  if (code === "upstream_rejected") return status === 404 ? elsewhere : nowhere;
  // In a stream that had begun, an error tells its status by itself.
  if (code === "upstream_failed" && status < 500) return nowhere;
  const verdict = verdicts[code] ?? nowhere;
  return ambiguous && verdict.retry === "safe" ? { ...verdict, retry: "ambiguous" } : verdict;
}

function verdictOnOverload({ status, retryAfter, refusal }: ProxyError): Verdict {
  const asked = retryAfter === undefined ? undefined : retryAfter * 1000;
  if (status !== 429) {
    return asked === undefined
      ? anywhereElse
      : { ...anywhereElse, rests: "upstream", restFor: asked };
  }
  return /insufficient_quota|billing|insufficient.(balance|credit)/i.test(refusal?.code ?? "")
    ? { ...elsewhere, rests: "key", restFor: Math.max(longRest, asked ?? 0), alarm: true }
    : { ...elsewhere, rests: "key", restFor: asked ?? shortRest };
}
