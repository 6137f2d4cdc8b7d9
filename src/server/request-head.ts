import type { IncomingMessage, ServerResponse } from "node:http";

/** Node reads up to 2,000 and drops the others in silence, a key among them perhaps. */
const maxHeaders = 100;

/**
 * What is wrong with a request that Node lets through, but that a proxy in front may have read
 * otherwise: its status and text.
 */
export function faultOfHead(request: IncomingMessage): readonly [number, string] | undefined {
  const { url = "", method, rawHeaders } = request;
  if (rawHeaders.length / 2 > maxHeaders) return [431, "request header fields too large"];
  if (!url.startsWith("/") && !(url === "*" && method === "OPTIONS")) return [400, "bad request"];
  const hosts = rawHeaders.filter((name, place) => place % 2 === 0 && /^host$/i.test(name));
  return hosts.length > 1 ? [400, "bad request"] : undefined;
}

/** Leave to send a body, unless it is announced as one that will be refused. */
export function allowBody(
  request: IncomingMessage,
  response: ServerResponse,
  maxBody: number,
): void {
  const length = Number(request.headers["content-length"] ?? 0);
  if (length <= maxBody) response.writeContinue();
}
