import { describe, expect, test } from "vitest";
import { parseImage } from "../../../src/ollama/image.ts";

/** The base64 of a file that begins with these bytes; as many as make no padding. */
const begun = (...bytes: number[]) =>
  Buffer.from([...bytes, ...Array<number>(15 - bytes.length).fill(1)]).toString("base64");

describe("the type of an image is told from its first bytes", () => {
  test.each([
    ["image/png", begun(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)],
    ["image/jpeg", begun(0xff, 0xd8, 0xff, 0xe0)],
    ["image/gif", begun(0x47, 0x49, 0x46, 0x38, 0x39, 0x61)],
    ["image/webp", begun(0x52, 0x49, 0x46, 0x46)],
    ["image/bmp", begun(0x42, 0x4d)],
    ["image/jpeg", begun(1, 2, 3)],
  ])("as %s", (mediaType, base64) => {
    expect(parseImage(base64)).toEqual({ mediaType, base64 });
    expect(parseImage(`data:image/tiff;base64,${base64}`).base64).toBe(base64);
  });
});

describe("a data URL", () => {
  test.each([
    ["data:image/tiff;base64,AQEB", "image/tiff"],
    ["data:IMAGE/TIFF;base64,AQEB", "IMAGE/TIFF"],
    ["data:;base64,AQEB", "image/jpeg"],
    ["data:image/svg+xml;charset=utf-8;base64,AQEB", "image/svg+xml"],
    ["data:image/jpeg;base64,iVBORw0KGgoB", "image/png"],
  ])("%s is of type %s", (url, mediaType) => {
    expect(parseImage(url).mediaType).toBe(mediaType);
  });
});

test.each(["AQ\nEB", "AQEB\r\n", "\nAQ\r\nEB"])("line ends go (%j)", (text) => {
  expect(parseImage(text).base64).toBe("AQEB");
});

test.each(["AQ==", "AQE=", "AQEB", "ab+/"])("%s is base64", (text) => {
  expect(parseImage(text).base64).toBe(text);
});

test.each([
  ["AQ*B", 2],
  ["*QEB", 0],
  ["AQE", 0],
  ["AQEBA", 4],
  ["A===", 1],
  ["AQ==AQ==", 2],
  ["http://example.com/cat.png", 4],
  ["file:///etc/passwd", 4],
  ["data:image/png,AQEB", 4],
])("%s is refused at byte %i", (text, at) => {
  const message = `illegal base64 data at input byte ${at}`;
  expect(() => parseImage(text)).toThrow(expect.objectContaining({ message, status: 400 }));
});
