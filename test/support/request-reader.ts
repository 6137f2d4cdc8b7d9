export interface RawRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** Either a part and where it ends, or how many bytes must be there before a look is worth it. */
type Reading<Part> = { part: Part; end: number } | { needed: number };

/** Cuts the bytes of one connection into requests; bodies by length or chunked. */
export function requestReader(onRequest: (request: RawRequest) => void): (bytes: Buffer) => void {
  let pieces: Buffer[] = [];
  let held = 0;
  let needed = 0;

  return (bytes) => {
    pieces.push(bytes);
    held += bytes.length;
    while (held > 0 && held >= needed) {
      const buffer = Buffer.concat(pieces);
      const reading = readRequest(buffer);
      pieces = [buffer];
      if ("needed" in reading) {
        needed = reading.needed;
        return;
      }
      pieces = [buffer.subarray(reading.end)];
      held -= reading.end;
      needed = 0;
      onRequest(reading.part);
    }
  };
}

function readRequest(buffer: Buffer): Reading<RawRequest> {
  const end = buffer.indexOf("\r\n\r\n");
  if (end < 0) return { needed: buffer.length + 1 };
  const [first = "", ...lines] = buffer.toString("latin1", 0, end).split("\r\n");
  const [method = "", path = ""] = first.split(" ");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const chunked = headers["transfer-encoding"]?.toLowerCase() === "chunked";
  const length = Number(headers["content-length"] ?? 0);
  const body = chunked ? readChunks(buffer, end + 4) : readLength(buffer, end + 4, length);
  if ("needed" in body) return body;
  return { part: { method, path, headers, body: body.part.toString("utf8") }, end: body.end };
}

function readLength(buffer: Buffer, start: number, length: number): Reading<Buffer> {
  const end = start + length;
  return buffer.length < end ? { needed: end } : { part: buffer.subarray(start, end), end };
}

function readChunks(buffer: Buffer, start: number): Reading<Buffer> {
  const chunks: Buffer[] = [];
  for (let at = start; ;) {
    const lineEnd = buffer.indexOf("\r\n", at);
    if (lineEnd < 0) return { needed: buffer.length + 1 };
    const size = Number.parseInt(buffer.toString("latin1", at, lineEnd), 16);
    const end = lineEnd + 2 + size + 2;
    if (buffer.length < end) return { needed: end };
    if (size === 0) return { part: Buffer.concat(chunks), end };
    chunks.push(buffer.subarray(lineEnd + 2, end - 2));
    at = end;
  }
}
