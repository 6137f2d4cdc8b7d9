// An OpenAI-compatible server that costs little: what it sends is made once, and goes to the socket
// already framed as HTTP chunks. The requested model says what to play.
import { createServer } from "node:http";
import { created, streamOf, wholeAnswer } from "./answers.mjs";
import { beatMilliseconds, modelNamed, models } from "./models.mjs";
import { serve } from "./serve.mjs";

/** @typedef {import("./answers.mjs").Stream} Stream */
/** @typedef {import("node:http").ServerResponse} Response */

const blockBytes = 64 * 1024;

const server = createServer((request, response) => {
  if (request.method === "GET" && request.url === "/v1/models") {
    const data = Object.keys(models).map((id) => ({
      id,
      object: "model",
      created,
      owned_by: "bench",
    }));
    sendJson(response, 200, { object: "list", data });
  } else if (request.method === "POST" && request.url === "/v1/chat/completions") {
    /** @type {Buffer[]} */
    const parts = [];
    request.on("data", (/** @type {Buffer} */ part) => parts.push(part));
    request.on("end", () => complete(JSON.parse(Buffer.concat(parts).toString()).model, response));
  } else {
    sendJson(response, 404, { error: { message: "Not found", type: "invalid_request_error" } });
  }
});
// Longer than the run pauses between two uses of a connection, so that no reuse meets a close.
server.keepAliveTimeout = 120_000;
serve(server);

/**
 * @param {string} name
 * @param {Response} response
 */
function complete(name, response) {
  const { play } = modelNamed(name);
  if (play === "whole") sendJson(response, 200, wholeAnswer(name));
  else players[play](streamOf(name), response);
}

/**
 * What each way of playing does with a stream.
 *
 * @type {Record<"blocks" | "single-writes" | "beats", (stream: Stream, response: Response) => void>}
 */
const players = {
  blocks(stream, response) {
    const socket = startStream(response, stream);
    const { run } = stream;
    const runs = stream.model.events / stream.events.length;
    let played = 0;
    let offset = 0;
    const writeOn = () => {
      while (played < runs && !socket.destroyed) {
        const block = run.subarray(offset, offset + blockBytes);
        offset += block.length;
        if (offset === run.length) {
          offset = 0;
          played += 1;
        }
        if (!socket.write(block)) return;
      }
      socket.off("drain", writeOn);
      endStream(response, stream);
    };
    socket.on("drain", writeOn);
    response.on("close", () => socket.off("drain", writeOn));
    writeOn();
  },

  "single-writes"(stream, response) {
    const socket = startStream(response, stream);
    let sent = 0;
    const writeOne = () => {
      if (socket.destroyed) return;
      if (sent === stream.model.events) return endStream(response, stream);
      const hasRoom = socket.write(stream.eventAt(sent));
      sent += 1;
      // A turn of the event loop between two writes, so that all streams advance together.
      if (hasRoom) setImmediate(writeOne);
      else socket.once("drain", writeOne);
    };
    writeOne();
  },

  beats(stream, response) {
    const socket = startStream(response, stream);
    const { events, beats = 1 } = stream.model;
    // Streams of real users are not in step: each new one gets the next of the possible phases.
    let beat = phase++ % beats;
    let sent = 0;
    const stop = onEachBeat(() => {
      beat += 1;
      if (beat % beats !== 0) return;
      if (sent < events) {
        socket.write(stream.eventAt(sent));
        sent += 1;
      } else {
        stop();
        endStream(response, stream);
      }
    });
    response.on("close", stop);
  },
};

/** @type {Set<() => void>} */
const listeners = new Set();
/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;
let phase = 0;

/**
 * Answers how to stop it.
 *
 * @param {() => void} listener
 */
function onEachBeat(listener) {
  listeners.add(listener);
  timer ??= setInterval(() => {
    for (const each of listeners) each();
  }, beatMilliseconds);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/**
 * @param {Response} response
 * @param {Stream} stream
 */
function startStream(response, stream) {
  const { socket } = response;
  if (socket === null) throw new Error("The connection of a new request is gone");
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.flushHeaders();
  socket.write(stream.opening);
  return socket;
}

/**
 * @param {Response} response
 * @param {Stream} stream
 */
function endStream(response, stream) {
  response.socket?.write(stream.ending);
  response.end();
}

/**
 * @param {Response} response
 * @param {number} status
 * @param {object} value
 */
function sendJson(response, status, value) {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
}
