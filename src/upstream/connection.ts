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
  return new Agent({ ...limits, connect: countingBytes(connect) });
}

/** Has errors tell what had been read, which the system's own do not, and a proxy's words aside. */
function countingBytes(connect: Connector): Connector {
  return (destination, callback) => {
    connect(destination, (...result: Parameters<buildConnector.Callback>) => {
      const socket = result[1];
      const before = socket?.bytesRead ?? 0;
      socket?.prependListener("error", (error) => {
        Object.assign(error, { socket: { bytesRead: socket.bytesRead - before } });
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
