import { describe, expect, test } from "vitest";
import { parseMedia } from "../../../src/ollama/media.ts";

/** The base64 of a file that begins with these bytes; as many as make no padding. */
const begun = (...bytes: number[]) =>
  Buffer.from([...bytes, ...Array<number>(15 - bytes.length).fill(1)]).toString("base64");

const ascii = (text: string) => [...Buffer.from(text, "latin1")];

describe("the type of an image is told from its first bytes", () => {
  test.each([
    ["image/png", begun(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)],
    ["image/jpeg", begun(0xff, 0xd8, 0xff, 0xe0)],
    ["image/gif", begun(0x47, 0x49, 0x46, 0x38, 0x39, 0x61)],
    ["image/webp", begun(...ascii("RIFF"), 1, 2, 3, 4, ...ascii("WEBP"))],
    ["image/avif", begun(0, 0, 0, 32, ...ascii("ftypavif"))],
    ["image/heic", begun(0, 0, 0, 32, ...ascii("ftypheic"))],
    ["image/heic", begun(0, 0, 0, 32, ...ascii("ftypmif1"))],
    ["image/bmp", begun(0x42, 0x4d)],
    ["image/jpeg", begun(1, 2, 3)],
  ])("as %s", (mediaType, base64) => {
    expect(parseMedia(base64)).toEqual({ kind: "image", mediaType, base64 });
    expect(parseMedia(`data:image/tiff;base64,${base64}`)).toMatchObject({ base64 });
  });
});

describe("audio comes through the same field, and is told", () => {
  test.each([
    ["wav", begun(...ascii("RIFF"), 1, 2, 3, 4, ...ascii("WAVE"))],
    ["mp3", begun(...ascii("ID3"), 4)],
    ["mp3", begun(0xff, 0xfb, 0x90)],
    ["flac", begun(...ascii("fLaC"))],
    ["ogg", begun(...ascii("OggS"))],
    ["m4a", begun(0, 0, 0, 32, ...ascii("ftypM4A "))],
  ])("as %s", (format, base64) => {
    expect(parseMedia(base64)).toEqual({ kind: "audio", format, base64 });
  });
});

test.each(["http://example.com/cat.png", "HTTPS://example.com/cat.png"])("%s is a URL", (url) => {
  expect(parseMedia(url)).toEqual({ kind: "url", url });
});

describe("a data URL", () => {
  test.each([
    ["data:image/tiff;base64,AQEB", "image/tiff"],
    ["data:IMAGE/TIFF;base64,AQEB", "IMAGE/TIFF"],
    ["data:;base64,AQEB", "image/jpeg"],
    ["data:image/svg+xml;charset=utf-8;base64,AQEB", "image/svg+xml"],
    ["data:image/jpeg;base64,iVBORw0KGgoB", "image/png"],
  ])("%s is of type %s", (url, mediaType) => {
    expect(parseMedia(url)).toMatchObject({ mediaType });
  });
});

test.each(["AQ\nEB", "AQEB\r\n", "\nAQ\r\nEB"])("line ends go (%j)", (text) => {
  expect(parseMedia(text)).toMatchObject({ base64: "AQEB" });
});

test.each(["AQ==", "AQE=", "AQEB", "ab+/"])("%s is base64", (text) => {
  expect(parseMedia(text)).toMatchObject({ base64: text });
});

test.each([
  ["AQ*B", 2],
  ["*QEB", 0],
  ["AQE", 0],
  ["AQEBA", 4],
  ["A===", 1],
  ["AQ==AQ==", 2],
  ["file:///etc/passwd", 4],
  ["data:image/png,AQEB", 4],
])("%s is refused at byte %i", (text, at) => {
  const message = `illegal base64 data at input byte ${at}`;
  expect(() => parseMedia(text)).toThrow(expect.objectContaining({ message, status: 400 }));
});
