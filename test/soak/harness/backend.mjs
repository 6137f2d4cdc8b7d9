// An OpenAI-compatible backend in a process of its own, so that the load does not slow it down. The
// model that is asked for says how it answers; how, is told by the parent process.
import { createServer } from "node:http";

/**
 * @typedef {{
 *   words?: number,
 *   every?: number,
 *   first?: number,
 *   status?: number,
 *   headers?: Record<string, string>,
 *   cutAfter?: number,
 * }} Play
 */

/** @type {Map<string, Play>} */
const plays = new Map();
const counts = { requests: 0, running: 0, most: 0, complete: 0, abandoned: 0, lookups: 0 };

const server = createServer((request, response) => {
  if (request.method === "GET") {
    counts.lookups += 1;
    const data = [...plays.keys()].map((id) => ({ id, object: "model", owned_by: "soak" }));
    sendJson(response, 200, { object: "list", data });
    return;
  }
  /** @type {Buffer[]} */
  const parts = [];
  request.on("data", (/** @type {Buffer} */ part) => parts.push(part));
  request.on("end", () => answer(JSON.parse(Buffer.concat(parts).toString()), response));
});
server.keepAliveTimeout = 120_000;
server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.send?.({ port: address.port });
});

process.on("disconnect", () => process.exit());
/** @typedef {{ plays?: Record<string, Play>, hangUp?: boolean }} Message */

process.on("message", (/** @type {Message} */ message) => {
  if (message.hangUp === true) server.closeAllConnections();
  if (message.plays !== undefined) {
    plays.clear();
    for (const [model, play] of Object.entries(message.plays)) plays.set(model, play);
  }
  process.send?.({ counts });
});

/**
 * @param {{ model: string, stream?: boolean }} asked
 * @param {import("node:http").ServerResponse} response
 */
function answer({ model, stream }, response) {
  const play = plays.get(model) ?? { status: 404 };
  counts.requests += 1;
  counts.running += 1;
  counts.most = Math.max(counts.most, counts.running);
  response.on("close", () => {
    counts.running -= 1;
    counts[response.writableFinished ? "complete" : "abandoned"] += 1;
  });
  for (const [name, value] of Object.entries(play.headers ?? {})) response.setHeader(name, value);
  const speak = () => {
    if (response.destroyed) return;
    if (play.status !== undefined) refuse(play.status, response);
    else if (stream === true) streamWords(play, response);
    else sayAll(play, response);
  };
  if (play.first === undefined) speak();
  else setTimeout(speak, play.first);
}

/**
 * @param {Play} play
 * @param {import("node:http").ServerResponse} response
 */
function streamWords({ words = 1, every = 0, cutAfter = Infinity }, response) {
  response.writeHead(200, { "content-type": "text/event-stream" });
  let said = 0;
  const say = () => {
    if (response.destroyed) return;
    if (said >= cutAfter) {
      response.destroy();
    } else if (said < words) {
      response.write(event({ content: `word${said} ` }));
      said += 1;
      setTimeout(say, every);
    } else {
      response.end(`${event({}, "stop")}data: [DONE]\n\n`);
    }
  };
  say();
}

/**
 * @param {Play} play
 * @param {import("node:http").ServerResponse} response
 */
function sayAll({ words = 1, every = 0 }, response) {
  const content = Array.from({ length: words }, (_, at) => `word${at} `).join("");
  const message = { role: "assistant", content };
  const body = { id: "1", object: "chat.completion", created: 1, model: "m" };
  setTimeout(() => {
    sendJson(response, 200, { ...body, choices: [{ index: 0, message, finish_reason: "stop" }] });
  }, words * every);
}

/**
 * @param {number} status
 * @param {import("node:http").ServerResponse} response
 */
function refuse(status, response) {
  sendJson(response, status, { error: { message: `played ${status}`, type: "api_error" } });
}

/**
 * @param {object} delta
 * @param {string | null} finishReason
 */
function event(delta, finishReason = null) {
  const choices = [{ index: 0, delta, finish_reason: finishReason }];
  const chunk = { id: "1", object: "chat.completion.chunk", created: 1, model: "m", choices };
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {number} status
 * @param {object} body
 */
function sendJson(response, status, body) {
  if (response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
