const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const nothing = Buffer.alloc(0);

/**
 * Reads one HTTP/1.1 response, as far as the benchmark meets them: status 200, a body with a length
 * or in chunks without extensions and trailers. Small on purpose: it runs beside what it measures.
 * The reader takes the bytes as they come and answers whether the response is whole.
 *
 * @param {(line: string) => void} onLine Called for each line of the body that isn't empty.
 * @returns {(bytes: Buffer) => boolean}
 */
export function responseReader(onLine) {
  let head = nothing;
  /** @type {((bytes: Buffer) => boolean) | undefined} */
  let readBody;
  return (bytes) => {
    if (readBody !== undefined) return readBody(bytes);
    head = Buffer.concat([head, bytes]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return false;
    if (!head.toString("latin1", 0, 15).startsWith("HTTP/1.1 200 ")) {
      throw new Error(`the answer is ${head.toString("utf8", 0, 600)}`);
    }
    const fields = head.toString("latin1", 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(fields)?.[1];
    const lines = lineSplitter(onLine);
    readBody = length === undefined ? chunkedBody(lines) : sizedBody(lines, Number(length));
    return readBody(head.subarray(end + 4));
  };
}

/** @typedef {ReturnType<typeof lineSplitter>} Lines */

/** @param {Lines} lines */
function chunkedBody(lines) {
  let size = 0; // As far as its digits have been read.
  let left = 0;
  let toSkip = 0;
  let isLast = false;
  return (/** @type {Buffer} */ bytes) => {
    let at = 0;
    while (at < bytes.length) {
      if (left > 0) {
        const end = Math.min(at + left, bytes.length);
        lines.push(bytes.subarray(at, end));
        left -= end - at;
        at = end;
        if (left === 0) toSkip = 2;
      } else if (toSkip > 0) {
        const step = Math.min(toSkip, bytes.length - at);
        toSkip -= step;
        at += step;
        if (toSkip === 0 && isLast) {
          lines.end();
          return true;
        }
      } else {
        const byte = bytes[at] ?? 0;
        at += 1;
        if (byte === lineFeed) {
          left = size;
          isLast = size === 0;
          toSkip = isLast ? 2 : 0;
          size = 0;
        } else if (byte !== carriageReturn) {
          size = size * 16 + (byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57);
        }
      }
    }
    return false;
  };
}

/**
 * @param {Lines} lines
 * @param {number} length
 */
function sizedBody(lines, length) {
  let left = length;
  return (/** @type {Buffer} */ bytes) => {
    lines.push(bytes);
    left -= bytes.length;
    if (left > 0) return false;
    lines.end();
    return true;
  };
}

/** @param {(line: string) => void} onLine */
function lineSplitter(onLine) {
  /** @type {Uint8Array} */
  let begun = nothing;
  return {
    /** @param {Buffer} piece */
    push(piece) {
      const bytes = begun.length > 0 ? Buffer.concat([begun, piece]) : piece;
      let start = 0;
      for (;;) {
        const end = bytes.indexOf(lineFeed, start);
        if (end < 0) break;
        if (end > start) onLine(bytes.toString("utf8", start, end));
        start = end + 1;
      }
      begun = bytes.subarray(start);
    },
    end() {
      if (begun.length > 0) onLine(begun.toString());
    },
  };
}
