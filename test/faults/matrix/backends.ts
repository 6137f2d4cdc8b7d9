import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type RecordedRequest,
  type Script,
} from "../../support/scripted-upstream.ts";
import { counting, VECTORS, WELL } from "./backend-scripts.ts";

/** A backend of a play, faulty or not. */
export interface Backend {
  /** With `/v1`. */
  readonly baseUrl: string;
  /** What was asked, as far as it can read. */
  readonly requests: readonly RecordedRequest[];
  /** The same of model lists and other things that cost nothing. */
  readonly lookups: readonly RecordedRequest[];
  connections(): number;
  /** Nothing is under way: each connection is closed, or waits for its next request. */
  isIdle(): boolean;
  /** From now on it answers well. Absent where it never will. */
  recover?(): void;
  close(): Promise<void>;
  /** Certificates to trust for it. */
  readonly caFile?: string;
  /** What may stay active after the play, until it is closed. */
  readonly leaves?: Readonly<Record<string, number>>;
}

/** What a good backend answers, wherever it is asked. */
function goodAnswer(path: string, text: string): Script {
  if (path.endsWith("/embeddings")) return VECTORS;
  return { steps: [text] };
}

/** Asked for a list, it closes the connection, so that none is left for what is asked next. */
const modelList: Script = {
  ...json(200, { object: "list", data: [{ id: "m" }] }),
  unframed: true,
};

/** Plays this script for every request, or the one it is given for each. */
export async function scripted(
  script: Script | ((request: RecordedRequest) => Script),
  list = modelList,
): Promise<Backend> {
  const upstream = await startScriptedUpstream({ lookups: { "/v1/models": list } });
  const counts = { begun: 0, left: 0 };
  const next = typeof script === "function" ? script : () => script;
  upstream.play((request) => counting(next(request), counts));
  return {
    baseUrl: upstream.baseUrl,
    requests: upstream.requests,
    lookups: upstream.lookups,
    connections: () => upstream.openConnections(),
    isIdle: () => counts.begun === counts.left,
    recover: () => upstream.play(({ path }) => counting(goodAnswer(path, WELL), counts)),
    close: () => upstream.close(),
  };
}

export const FROM_B = "from b";

/** The good one beside the faulty one. */
export async function healthy(): Promise<Backend> {
  const upstream = await startScriptedUpstream({ lookups: { "/v1/models": modelList } });
  const text = sse(chunk({ content: FROM_B }), chunk({}, "stop"), "[DONE]");
  upstream.play(({ path }) => goodAnswer(path, text));
  return {
    baseUrl: upstream.baseUrl,
    requests: upstream.requests,
    lookups: upstream.lookups,
    connections: () => upstream.openConnections(),
    isIdle: () => true,
    close: () => upstream.close(),
  };
}

/** A port that nobody listens on. */
export async function closedPort(): Promise<Backend> {
  const server = createServer();
  const port = await listening(server);
  await closing(server);
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    requests: [],
    lookups: [],
    connections: () => 0,
    isIdle: () => true,
    close: async () => {},
  };
}

/** Does this with each connection; what comes on it is nobody's business. */
export async function onConnection(act: (socket: Socket) => void): Promise<Backend> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    act(socket);
  });
  const port = await listening(server);
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    requests: [],
    lookups: [],
    connections: () => sockets.size,
    isIdle: () => sockets.size === 0,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await closing(server);
    },
  };
}

export function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

export function closing(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
