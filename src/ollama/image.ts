import { invalidRequest } from "../errors.ts";

/** An image as base64 without line breaks, and the media type its first bytes tell. */
export interface Image {
  readonly mediaType: string;
  readonly base64: string;
}

/** First bytes of the formats models read, as base64 text. */
const signatures: readonly (readonly [prefix: string, mediaType: string])[] = [
  ["iVBORw0KGgo", "image/png"],
  ["/9j/", "image/jpeg"],
  ["R0lGOD", "image/gif"],
  ["UklGR", "image/webp"],
  ["Qk", "image/bmp"],
];

/**
 * Reads raw base64, as Ollama's API has it, or a `data:` URL, which some clients send. URLs that
 * would make us fetch something are refused like any other text that is not base64.
 * @throws ProxyError 400 with Go's text (`illegal base64 data at input byte N`).
 */
export function parseImage(text: string): Image {
  const dataUrl = /^data:([a-z0-9.+/-]*)(?:;[a-z0-9=.-]+)*;base64,/i.exec(text.slice(0, 128));
  const base64 = (dataUrl === null ? text : text.slice(dataUrl[0].length)).replace(/[\r\n]/g, "");
  const illegal = base64.search(/[^A-Za-z0-9+/]/);
  if (illegal >= 0 && !/^={1,2}$/.test(base64.slice(illegal))) {
    throw invalidRequest(`illegal base64 data at input byte ${illegal}`);
  }
  if (base64.length % 4 !== 0) {
    throw invalidRequest(
      `illegal base64 data at input byte ${base64.length - (base64.length % 4)}`,
    );
  }
  const sniffed = signatures.find(([prefix]) => base64.startsWith(prefix))?.[1];
  return { mediaType: sniffed ?? (dataUrl?.[1] || "image/jpeg"), base64 };
}
