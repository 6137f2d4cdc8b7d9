import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { noteEnding, requestTimeout } from "./endings.ts";

/** Tells the client of it, and closes the connection. */
type Refuse = (socket: Socket) => void;

/** A limit on the time in which a body arrives; 0 is none. */
type Limit = (
  request: IncomingMessage,
  response: ServerResponse,
  milliseconds: number,
  refuse: Refuse,
) => void;

/** More than a timer can count would end at once. */
const longest = 2 ** 31 - 1;

/** Whose body as a whole has no limit. */
const unhurried = new WeakSet<IncomingMessage>();

/** For all of the body. Node has the same, but for every request of a server. */
export const limitArrival: Limit = (request, response, milliseconds, refuse) => {
  if (milliseconds === 0) return;
  const refuseIfLate = () => {
    if (!request.complete && !unhurried.has(request)) end(request.socket, response, refuse);
  };
  const timer = setTimeout(refuseIfLate, Math.min(milliseconds, longest));
  timer.unref();
  request.once("close", () => clearTimeout(timer));
};

/** For each pause in it instead: the body itself may take as long as it needs. */
export const limitPauses: Limit = (request, response, milliseconds, refuse) => {
  const { socket } = request;
  unhurried.add(request);
  request.setTimeout(Math.min(milliseconds, longest), () => end(socket, response, refuse));
  // What is done with the body then is not the client's fault.
  request.once("end", () => socket.setTimeout(0));
};

/** Nothing may be written into an answer that has begun. */
function end(socket: Socket, response: ServerResponse, refuse: Refuse): void {
  noteEnding(response, requestTimeout);
  if (response.headersSent) socket.destroy();
  else refuse(socket);
}
