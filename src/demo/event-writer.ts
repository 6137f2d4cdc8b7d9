import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Writes a stream of Server-Sent Events, with a pause of `pace` milliseconds after each. It takes
 * the next event when the client has room for it, and no more of them when the client has gone.
 */
export async function writeEvents(
  response: ServerResponse,
  events: Iterable<object>,
  pace: number,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  if (response.destroyed) return;

  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  try {
    for (const event of events) {
      const hasRoom = response.write(`data: ${JSON.stringify(event)}\n\n`);
      if (!hasRoom) await once(response, "drain", { signal: gone.signal });
      if (pace > 0) await sleep(pace, undefined, { signal: gone.signal });
    }
    response.end("data: [DONE]\n\n");
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  }
}
