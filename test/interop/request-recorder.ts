import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";

/** One request that passed through, and what it was answered with. */
export interface Exchange {
  method: string;
  path: string;
  body: string;
  status: number;
  contentType: string;
}

export interface RecordedExchange extends Exchange {
  /** In how many reads the answer came: one for a short answer, many for a stream. */
  reads: number;
}

export interface RequestRecorder {
  /** `127.0.0.1:PORT`, to be used as OLLAMA_HOST. */
  host: string;
  /** What has passed since the last call, in order of arrival. */
  take(): RecordedExchange[];
  close(): Promise<void>;
}

/** Stands between a client and the server at `target` (`127.0.0.1:PORT`) and writes down what it hears. */
export async function startRequestRecorder(target: string): Promise<RequestRecorder> {
  let exchanges: RecordedExchange[] = [];
  const server = createServer((incoming, outgoing) => {
    const exchange: RecordedExchange = {
      method: incoming.method ?? "",
      path: incoming.url ?? "",
      body: "",
      status: 0,
      contentType: "",
      reads: 0,
    };
    exchanges.push(exchange);
    pass(incoming, outgoing, target, exchange);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP server");

  return {
    host: `127.0.0.1:${address.port}`,
    take: () => {
      const taken = exchanges;
      exchanges = [];
      return taken;
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function pass(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  target: string,
  exchange: RecordedExchange,
): void {
  const [hostname, port] = target.split(":");
  const onward = request({
    hostname,
    port,
    method: incoming.method,
    path: incoming.url,
    headers: incoming.headers,
  });
  onward.on("response", (response) => {
    exchange.status = response.statusCode ?? 0;
    exchange.contentType = response.headers["content-type"] ?? "";
    outgoing.writeHead(exchange.status, response.rawHeaders);
    outgoing.flushHeaders();
    response.on("data", () => (exchange.reads += 1));
    response.pipe(outgoing);
  });
  onward.on("error", () => outgoing.destroy());
  outgoing.on("close", () => onward.destroy());
  const body: Buffer[] = [];
  incoming.on("data", (bytes: Buffer) => body.push(bytes));
  incoming.on("end", () => {
    exchange.body = Buffer.concat(body).toString();
    onward.end(Buffer.concat(body));
  });
}
