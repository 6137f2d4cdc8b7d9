import type { Server } from "node:http";
import type { Logger } from "../observe/logger.ts";

/**
 * What the log may tell of a fault of this program: what it is and where. The message of a parser
 * quotes what it read, which may be a prompt.
 */
export function describeInternalError(error: unknown): object {
  if (!(error instanceof Error)) return { thrown: typeof error };
  const { name, message, stack = "" } = error;
  const { code } = error as { code?: unknown };
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line));
  return {
    thrown: name,
    ...(typeof code === "string" ? { code } : {}),
    ...(error instanceof SyntaxError ? {} : { message }),
    at: frames.slice(0, 10).map((line) => line.trim().slice(3)),
  };
}

/** Milliseconds between two lines about connections that could not be taken. */
const pause = 1_000;

/**
 * A server tells so when a connection could not be taken, for want of file descriptors for example.
 * It takes the next ones as soon as it can; without a listener the error would end the process.
 */
export function logListenErrors(server: Server, log: Logger): void {
  let last = -Infinity;
  let missed = 0;
  server.on("error", (error: NodeJS.ErrnoException) => {
    // Nobody listens yet: whoever asked for that is told.
    if (!server.listening) return;
    missed += 1;
    if (performance.now() - last < pause) return;
    log.error({ cause: error.code, missed }, "could not take a connection");
    last = performance.now();
    missed = 0;
  });
}
