// The yardstick: the least a proxy in plain `node:http` does, which is to pass bytes on unread.
// The port of the backend is its one argument.
import { Agent, createServer, request as sendRequest } from "node:http";
import { serve } from "./serve.mjs";

const port = Number(process.argv[2]);
const agent = new Agent({ keepAlive: true });

serve(
  createServer((request, response) => {
    const { method, url: path, headers } = request;
    const upstream = sendRequest({ host: "127.0.0.1", port, agent, method, path, headers });
    upstream.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    upstream.on("error", () => response.destroy());
    response.on("close", () => {
      if (!response.writableFinished) upstream.destroy();
    });
    request.pipe(upstream);
  }),
);
