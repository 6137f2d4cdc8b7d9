import { subscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";
import { request as requestPlainly } from "node:http";
import { request as requestSecurely } from "node:https";
import type { Socket } from "node:net";
import { rootCertificates } from "node:tls";
import { Agent, buildConnector, type Dispatcher } from "undici";
import type { UpstreamConfig } from "../config/schema.ts";

type ConnectionConfig = Pick<UpstreamConfig, "ca_file" | "insecure_tls" | "proxy">;
type Connector = buildConnector.connector;
type Destination = buildConnector.Options;

/** Limits of time are ours, per stream: undici's own are coarse and would end slow prompts. */
const limits = { headersTimeout: 0, bodyTimeout: 0, pipelining: 1 };

/** Milliseconds of silence after which the system looks whether the other side is still there. */
const keepAliveDelay = 60_000;

/**
 * The connections to one backend.
 * @param timeout milliseconds for connecting, with all that belongs to it: name, proxy, TLS
 */
export function createDispatcher(config: ConnectionConfig, timeout: number): Dispatcher {
  const tls = {
    ...(config.ca_file === undefined
      ? {}
      : { ca: [...rootCertificates, readFileSync(config.ca_file, "utf8")] }),
    ...(config.insecure_tls ? { rejectUnauthorized: false } : {}),
  };
  const connect =
    config.proxy === undefined
      ? buildConnector({ ...tls, timeout })
      : throughProxy(new URL(config.proxy), tls, timeout);
  return new Agent({ ...limits, connect: tellingBreakages(connect) });
}

/** The latest request on a connection. */
interface Sending {
  /** How many it was the one of, from 1: a connection that has taken another had answered the last. */
  readonly count: number;
  /** What had been read when it was sent. */
  readonly bytesRead: number;
}

const sendings = new WeakMap<Socket, Sending>();

/** Undici tells nowhere else which connection a request takes. */
subscribe("undici:client:sendHeaders", (message) => {
  const { socket } = message as { socket: Socket };
  const count = (sendings.get(socket)?.count ?? 0) + 1;
  sendings.set(socket, { count, bytesRead: socket.bytesRead });
});

/** What a connection was about when it broke. */
interface Breakage {
  /** Requests that were sent on it. */
  readonly sent: number;
  /** No byte of an answer to the last of them had come. */
  readonly isSilent: boolean;
}

const breakages = new WeakMap<Error, Breakage>();

/**
 * Whether a connection that had served before was no good any more when it was to take this request:
 * most likely the backend had closed it meanwhile.
 * @param wasSent undici tells a request that waits of a connection that breaks while nothing is sent
 */
export function isOfStaleConnection(error: Error, wasSent: boolean): boolean {
  const { sent, isSilent } = breakages.get(error) ?? { sent: 0, isSilent: false };
  return wasSent ? sent > 1 && isSilent : sent > 0;
}

function tellingBreakages(connect: Connector): Connector {
  return (destination, callback) => {
    connect(destination, (...result: Parameters<buildConnector.Callback>) => {
      const socket = result[1];
      socket?.prependListener("error", (error) => {
        const { count: sent, bytesRead } = sendings.get(socket) ?? { count: 0, bytesRead: 0 };
        breakages.set(error, { sent, isSilent: socket.bytesRead === bytesRead });
      });
      callback(...result);
    });
  };
}

/** Undici's own agent for that has no limit of time, and takes the proxy's words for the backend's. */
function throughProxy(proxy: URL, tls: buildConnector.BuildOptions, timeout: number): Connector {
  return (destination, callback) => {
    const start = performance.now();
    openTunnel(proxy, destination, timeout).then(
      (httpSocket) => {
        if (destination.protocol !== "https:") {
          callback(null, httpSocket);
          return;
        }
        const left = Math.max(1, timeout - (performance.now() - start));
        buildConnector({ ...tls, timeout: left })({ ...destination, httpSocket }, callback);
      },
      (error: Error) => callback(error, null),
    );
  };
}

/** A connection that an HTTP proxy passes on as it is. Certificates of the proxy itself must be good. */
function openTunnel(
  proxy: URL,
  { host = "", port, protocol }: Destination,
  timeout: number,
): Promise<Socket> {
  const path = port === "" ? `${host}:${protocol === "https:" ? 443 : 80}` : host;
  const request = proxy.protocol === "https:" ? requestSecurely : requestPlainly;
  return new Promise((resolve, reject) => {
    const asked = request({
      method: "CONNECT",
      host: proxy.hostname.replace(/^\[|\]$/g, ""),
      port: proxy.port,
      path,
      headers: { host: path, ...authorizationOf(proxy) },
      agent: false,
    });
    const timer = setTimeout(() => asked.destroy(failure("PROXY_TIMEOUT")), timeout);
    const settle = (act: () => void) => {
      clearTimeout(timer);
      act();
    };
    asked.on("error", (error) => settle(() => reject(error)));
    asked.on("connect", ({ statusCode = 0 }, socket: Socket, early: Buffer) =>
      settle(() => {
        if (statusCode < 200 || statusCode > 299) {
          socket.destroy();
          reject(failure(`PROXY_${statusCode}`));
          return;
        }
        if (early.length > 0) socket.unshift(early);
        socket.setNoDelay(true).setKeepAlive(true, keepAliveDelay);
        resolve(socket);
      }),
    );
    asked.end();
  });
}

function authorizationOf({ username, password }: URL): Record<string, string> {
  if (username === "") return {};
  const words = [username, password].map(decodeURIComponent).join(":");
  return { "proxy-authorization": `Basic ${Buffer.from(words).toString("base64")}` };
}

/** @param code what the log names as the cause */
function failure(code: string): Error {
  return Object.assign(new Error("the proxy made no connection"), { code });
}
