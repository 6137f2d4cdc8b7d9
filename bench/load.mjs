// The load client: a given number of connections, each asking a given number of times in sequence.
import { once } from "node:events";
import { connect } from "node:net";
import { answerCheck } from "./answer-check.mjs";
import { modelNamed } from "./models.mjs";
import { responseReader } from "./response-reader.mjs";

/**
 * `onText` of one answer; it is asked for at the moment the request is sent.
 *
 * @typedef {() => () => void} Watch
 */

/**
 * @typedef {{
 *   model: string,
 *   connections: number,
 *   requests: number,
 * }} Load
 */

const silenceLimit = 20_000;
// No server's listen backlog is full before it comes to accept.
const openedAtOnce = 50;

/** @type {Watch} */
const watchNothing = () => () => undefined;

/**
 * Resolves when every answer has come, whole and right.
 *
 * @param {{ port: number, front: import("./fronts.mjs").Front }} target
 * @param {Load} load
 * @param {Watch} watch
 */
export async function play(
  { port, front },
  { model, connections, requests },
  watch = watchNothing,
) {
  const request = requestBytes(port, front, model);
  /** @type {Promise<void>[]} */
  const running = [];
  /** @type {import("node:net").Socket[]} */
  const sockets = [];
  const ask = async (/** @type {import("node:net").Socket} */ socket) => {
    for (let sent = 0; sent < requests; sent += 1) {
      const check = answerCheck(front, model, watch());
      socket.write(request);
      await receive(
        socket,
        responseReader((line) => check.push(line)),
      );
      check.end();
    }
  };
  try {
    for (let opened = 0; opened < connections; opened += openedAtOnce) {
      const count = Math.min(openedAtOnce, connections - opened);
      const batch = await Promise.all(Array.from({ length: count }, () => openSocket(port)));
      sockets.push(...batch);
      running.push(...batch.map(ask));
    }
    await Promise.all(running);
  } finally {
    for (const socket of sockets) socket.destroy();
    await Promise.allSettled(running);
  }
}

/** @param {number} port */
async function openSocket(port) {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  socket.setTimeout(silenceLimit, () => {
    socket.destroy(new Error(`nothing came for ${silenceLimit / 1000} s`));
  });
  await once(socket, "connect");
  return socket;
}

/**
 * @param {import("node:net").Socket} socket
 * @param {(bytes: Buffer) => boolean} read
 * @returns {Promise<void>}
 */
function receive(socket, read) {
  return new Promise((resolve, reject) => {
    const onData = (/** @type {Buffer} */ bytes) => {
      try {
        if (read(bytes)) finish(resolve);
      } catch (error) {
        finish(() => reject(error));
      }
    };
    const onClose = () => finish(() => reject(new Error("the connection closed in an answer")));
    const onError = (/** @type {Error} */ error) => finish(() => reject(error));
    const finish = (/** @type {() => void} */ settle) => {
      socket.off("data", onData).off("close", onClose).off("error", onError);
      settle();
    };
    socket.on("data", onData).on("close", onClose).on("error", onError);
  });
}

/**
 * @param {number} port
 * @param {import("./fronts.mjs").Front} front
 * @param {string} model
 */
function requestBytes(port, front, model) {
  const body = JSON.stringify(front.body(model, modelNamed(model).play !== "whole"));
  const head = [
    `POST ${front.path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "",
    "",
  ];
  return Buffer.from(head.join("\r\n") + body);
}
