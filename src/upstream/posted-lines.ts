import { toProxyError, type ProxyError } from "../errors.ts";
import { LineReader } from "../ollama/line-reader.ts";
import type { Upstream } from "./upstream.ts";

/** Milliseconds of silence: checking the sum of a large file takes a while. */
const maxSilence = 600_000;

/**
 * The lines of an NDJSON answer, one by one; nothing more is read than is asked for. Ends without a
 * word when the signal aborts.
 * @throws ProxyError when it is refused, broken or silent for too long
 */
export async function* postedLines(
  upstream: Upstream,
  path: string,
  body: object,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const reader = new LineReader();
  let lines: string[] = [];
  let ended = false;
  let failure: ProxyError | undefined;
  let wake: (() => void) | undefined;
  const settle = (read: () => string[]) => {
    try {
      lines.push(...read());
    } catch (error) {
      failure = toProxyError(error);
    }
    wake?.();
  };
  const question = { path, body: JSON.stringify(body), accept: "application/x-ndjson" };
  const call = upstream.post(question, {
    head: () => {},
    data: (bytes) => {
      call.pause();
      settle(() => reader.push(bytes));
    },
    end: () => {
      ended = true;
      settle(() => reader.end());
    },
    error: (error) => {
      failure = error;
      wake?.();
    },
  });
  const leave = () => wake?.();
  signal.addEventListener("abort", leave);
  try {
    while (!signal.aborted) {
      const read = lines;
      lines = [];
      yield* read;
      if (lines.length > 0) continue;
      if (failure !== undefined) throw failure;
      if (ended || signal.aborted) return;
      const isLate = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(resolve, maxSilence, true);
        wake = () => {
          clearTimeout(timer);
          resolve(false);
        };
        // What had been read already comes at once.
        call.resume();
      });
      if (isLate) throw upstream.failures.silent(maxSilence / 1000);
    }
  } finally {
    signal.removeEventListener("abort", leave);
    call.abort();
  }
}
