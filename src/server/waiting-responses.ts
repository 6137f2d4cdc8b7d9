import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * A client may send requests ahead, whose responses wait for those before them. Node tells such a
 * response nothing when the connection ends, so what works on it would go on: this tells it.
 */
export function closeWaitingResponses(server: Server): void {
  const responsesOf = new WeakMap<Socket, Set<ServerResponse>>();
  server.on("connection", (socket) => {
    const responses = new Set<ServerResponse>();
    responsesOf.set(socket, responses);
    socket.once("close", () => {
      for (const response of responses) {
        // The one that has the socket hears of it from Node.
        if (response.socket !== null) continue;
        response.destroy();
        // Newer versions of Node tell it by themselves then.
        setImmediate(() => {
          if (responses.has(response)) response.emit("close");
        });
      }
    });
  });
  server.on("request", ({ socket }, response) => {
    const responses = responsesOf.get(socket);
    responses?.add(response);
    response.once("close", () => responses?.delete(response));
  });
}
