import { request, type IncomingHttpHeaders } from "node:http";

export interface Called {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Call {
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** A list goes out in chunks, without a length. */
  readonly body?: string | Buffer | readonly string[];
}

/** One request on a connection of its own; unlike `fetch`, with any header and any method. */
export function call({ port, path, method, headers = {}, body }: Call): Promise<Called> {
  return new Promise((resolve, reject) => {
    const verb = method ?? (body === undefined ? "GET" : "POST");
    const options = { host: "127.0.0.1", port, path, method: verb, headers, agent: false };
    const outgoing = request(options, (answer) => {
      const pieces: Buffer[] = [];
      answer.on("data", (bytes: Buffer) => pieces.push(bytes));
      answer.on("error", reject);
      answer.on("end", () => {
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          body: Buffer.concat(pieces).toString(),
        });
      });
    });
    outgoing.on("error", reject);
    if (typeof body === "string" || Buffer.isBuffer(body)) outgoing.end(body);
    else {
      for (const piece of body ?? []) outgoing.write(piece);
      outgoing.end();
    }
  });
}
