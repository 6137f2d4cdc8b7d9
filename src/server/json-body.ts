import { invalidRequest, ProxyError } from "../errors.ts";

const maxDepth = 256;
const maxNodes = 500_000;

const quote = 34;
const backslash = 92;
const comma = 44;
const openBracket = 91;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/**
 * The first JSON value of a request body. What follows it is not looked at, as in real Ollama. Depth
 * and number of values are bounded before anything is built, since a small text can make a parser
 * spend seconds and hundreds of megabytes.
 * @param missing what to say of an empty body
 * @throws ProxyError 400: `missing request body`, `unexpected EOF`, `exceeded max depth`,
 *   `request too complex`, or that it is no JSON
 */
export function parseJsonBody(body: Buffer, missing = "missing request body"): unknown {
  const text = body
    .subarray(0, endOfFirstValue(body))
    .toString("utf8")
    .replace(/^\uFEFF/, "");
  if (text.trim() === "") throw invalidRequest(missing);
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = /position (\d+)/.exec((error as Error).message)?.[1];
    throw invalidRequest(
      `invalid JSON in request body${position === undefined ? "" : ` at character ${position}`}`,
    );
  }
}

/** Length of the first value; the whole length when that is a bare text, number or word. */
function endOfFirstValue(body: Buffer): number {
  let depth = 0;
  let nodes = 0;
  for (let at = 0; at < body.length; at += 1) {
    switch (body[at]) {
      case quote:
        at = endOfString(body, at);
        break;
      case comma:
        nodes += 1;
        break;
      case openBrace:
      case openBracket:
        depth += 1;
        nodes += 1;
        if (depth > maxDepth) throw invalidRequest("exceeded max depth");
        break;
      case closeBrace:
      case closeBracket:
        depth -= 1;
        if (depth <= 0) return at + 1;
        break;
      default:
        break;
    }
    if (nodes > maxNodes) throw invalidRequest("request too complex");
  }
  if (depth > 0) throw invalidRequest("unexpected EOF");
  return body.length;
}

function endOfString(body: Buffer, start: number): number {
  for (let end = body.indexOf(quote, start + 1); end >= 0; end = body.indexOf(quote, end + 1)) {
    let slashes = 0;
    while (body[end - 1 - slashes] === backslash) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  throw invalidRequest("unexpected EOF");
}

/** Request bodies are taken as they are; a compressed one could grow beyond any limit. */
export function refuseEncodedBody(contentEncoding: string | undefined): void {
  if (contentEncoding === undefined || contentEncoding === "" || contentEncoding === "identity")
    return;
  throw new ProxyError("unsupported_encoding", "unsupported content encoding");
}
