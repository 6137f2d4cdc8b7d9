import { invalidRequest } from "../errors.ts";

/** One entry of `images`: models that hear get their audio through the same field. */
export type Media =
  /** Base64 without line breaks, and the media type its first bytes tell. */
  | { readonly kind: "image"; readonly mediaType: string; readonly base64: string }
  /** `format` as OpenAI names it. */
  | { readonly kind: "audio"; readonly format: string; readonly base64: string }
  /** For the backend to fetch, if the configuration lets it through; we never do. */
  | { readonly kind: "url"; readonly url: string };

/** First bytes of the formats models read; a dot stands for any byte. */
const imageSignatures: readonly (readonly [bytes: RegExp, mediaType: string])[] = [
  [/^\x89PNG/, "image/png"],
  [/^\xff\xd8\xff/, "image/jpeg"],
  [/^GIF8/, "image/gif"],
  [/^RIFF....WEBP/s, "image/webp"],
  [/^BM/, "image/bmp"],
  [/^....ftypavi[fs]/s, "image/avif"],
  [/^....ftyp(hei[cfmsx]|hev[cx]|mif1|msf1)/s, "image/heic"],
];

const audioSignatures: readonly (readonly [bytes: RegExp, format: string])[] = [
  [/^RIFF....WAVE/s, "wav"],
  [/^(ID3|\xff[\xf2\xf3\xfa\xfb])/, "mp3"],
  [/^fLaC/, "flac"],
  [/^OggS/, "ogg"],
  [/^....ftypM4A/s, "m4a"],
];

/** Base64 characters that hold the first 12 bytes. */
const signatureLength = 16;

/**
 * Reads raw base64, as Ollama's API has it, a `data:` URL, which some clients send, or the `http`
 * URL of an image.
 * @throws ProxyError 400 with Go's text (`illegal base64 data at input byte N`).
 */
export function parseMedia(text: string): Media {
  if (/^https?:\/\//i.test(text)) return { kind: "url", url: text };
  const dataUrl = /^data:([a-z0-9.+/-]*)(?:;[a-z0-9=.-]+)*;base64,/i.exec(text.slice(0, 128));
  const base64 = (dataUrl === null ? text : text.slice(dataUrl[0].length)).replace(/[\r\n]/g, "");
  const illegal = base64.search(/[^A-Za-z0-9+/]/);
  if (illegal >= 0 && !/^={1,2}$/.test(base64.slice(illegal))) throw illegalBase64(illegal);
  if (base64.length % 4 !== 0) throw illegalBase64(base64.length - (base64.length % 4));
  const bytes = Buffer.from(base64.slice(0, signatureLength), "base64").toString("latin1");
  const format = sniff(audioSignatures, bytes);
  if (format !== undefined) return { kind: "audio", format, base64 };
  const mediaType = sniff(imageSignatures, bytes) ?? (dataUrl?.[1] || "image/jpeg");
  return { kind: "image", mediaType, base64 };
}

/** What Go's decoder says of text that is no base64. */
export function illegalBase64(at: number): Error {
  return invalidRequest(`illegal base64 data at input byte ${at}`);
}

function sniff(signatures: typeof imageSignatures, bytes: string): string | undefined {
  return signatures.find(([signature]) => signature.test(bytes))?.[1];
}
