import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** How a backend answers for one of its models. */
export interface Play {
  /** Words of the answer: `word0 `, `word1 ` and so on. Default 1. */
  readonly words?: number;
  /** Milliseconds between two words. Default 0. */
  readonly every?: number;
  /** Milliseconds before it says anything. */
  readonly first?: number;
  /** Refuses with this. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Cuts the connection after so many words. */
  readonly cutAfter?: number;
}

export interface Counts {
  readonly requests: number;
  readonly running: number;
  /** The most that ever ran at the same time. */
  readonly most: number;
  /** Said all they had to say. */
  readonly complete: number;
  /** The other side left before. */
  readonly abandoned: number;
  /** GET requests. */
  readonly lookups: number;
}

export interface Backend {
  /** `http://127.0.0.1:PORT/v1` */
  readonly baseUrl: string;
  /** What it answers from now on, by model. */
  play(plays: Readonly<Record<string, Play>>): Promise<void>;
  counts(): Promise<Counts>;
  /** Closes every connection, those too that never carried a request. */
  hangUp(): Promise<void>;
  stop(): Promise<void>;
}

/** A backend in a process of its own; it ends with the test. */
export async function startBackend(plays: Readonly<Record<string, Play>>): Promise<Backend> {
  const script = fileURLToPath(new URL("backend.mjs", import.meta.url));
  const child = fork(script, [], { execArgv: [] });
  const exit = once(child, "exit");
  const stop = async () => {
    child.kill("SIGKILL");
    await exit;
  };
  onTestFinished(stop);
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  const tell = async (message: object): Promise<Counts> => {
    const reply = once(child, "message");
    child.send(message);
    const [{ counts }] = (await reply) as [{ counts: Counts }];
    return counts;
  };
  await tell({ plays });
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    play: async (next) => void (await tell({ plays: next })),
    counts: () => tell({}),
    hangUp: async () => void (await tell({ hangUp: true })),
    stop,
  };
}
