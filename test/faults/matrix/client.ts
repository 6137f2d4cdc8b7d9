import { Agent, request } from "node:http";
import type { Answer } from "../fronts.ts";

export interface KeptAnswer extends Answer {
  /** Whether the request went over a connection that had been used before. */
  readonly reused: boolean;
}

/** A client that keeps one connection and asks one question at a time on it. */
export class Client {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(port: number) {
    this.#port = port;
  }

  /** @throws when the answer is not well framed to its end */
  ask(path: string, body?: object): Promise<KeptAnswer> {
    return new Promise((resolve, reject) => {
      const method = body === undefined ? "GET" : "POST";
      const options = { host: "127.0.0.1", port: this.#port, path, method, agent: this.#agent };
      const outgoing = request(options, (incoming) => {
        const pieces: Buffer[] = [];
        incoming.on("data", (bytes: Buffer) => pieces.push(bytes));
        incoming.on("error", reject);
        incoming.on("end", () => {
          resolve({
            status: incoming.statusCode ?? 0,
            headers: new Headers(Object.entries(incoming.headers).map(asPair)),
            body: Buffer.concat(pieces).toString(),
            reused: outgoing.reusedSocket,
          });
        });
      });
      outgoing.on("error", reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function asPair([name, value]: [string, string | string[] | undefined]): [string, string] {
  return [name, String(value)];
}
