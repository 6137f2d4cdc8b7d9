import { describe, expect, test } from "vitest";
import { ServerSentEventReader, maxEventBytes } from "../../src/openai/server-sent-events.ts";
import { toJsonText } from "../../src/server/json-text.ts";
import type { Reading } from "./fixtures.ts";
import { piecesOf } from "./pieces.ts";
import { translate } from "./translate.ts";

const segment = 1460;
const mebibyte = 1024 * 1024;

/** One event of so many bytes in all, its line end not counted. */
function eventOf(size: number): Buffer {
  const before = 'data: {"choices":[{"delta":{"content":"';
  const after = '"},"finish_reason":"stop"}]}';
  return Buffer.from(`${before}${"x".repeat(size - before.length - after.length)}${after}\n\n`);
}

/** Milliseconds, the least of several tries: whatever else the machine does only adds to it. */
function leastTime(pieces: readonly Buffer[], tries = 7): number {
  const times = Array.from({ length: tries }, () => {
    const start = performance.now();
    const reader = new ServerSentEventReader();
    for (const piece of pieces) reader.push(piece);
    return performance.now() - start;
  });
  return Math.min(...times);
}

describe("one long event in pieces of a TCP segment", () => {
  // A reader that looks at a byte more than once needs 20 to 30 seconds; this one some 10 ms.
  test("is read in far less time than a quadratic reader would need", () => {
    expect(leastTime(piecesOf(eventOf(7.6 * mebibyte), segment))).toBeLessThan(1_500);
  });

  test("in lines without a blank line as well", () => {
    const lines = Buffer.from("data: x\n".repeat(mebibyte / 2));
    expect(leastTime(piecesOf(lines, segment), 3)).toBeLessThan(1_500);
  });

  test("of 8,000,000 bytes is read, and told in lines of at most 64 Ki characters", () => {
    const { lines, error } = translate(piecesOf(eventOf(maxEventBytes), segment));
    expect(error).toBeUndefined();
    const texts = lines.map((line) => line.message.content);
    expect(Math.max(...texts.map((text) => text.length))).toBe(20_000);
    expect(Math.max(...lines.map((line) => Buffer.byteLength(toJsonText(line))))).toBeLessThan(
      maxEventBytes,
    );
    expect(texts.join("").length).toBeGreaterThan(7_999_900);
    expect(texts.join("")).toMatch(/^x+$/u);
  });

  test.each([
    ["one line", eventOf(maxEventBytes + 1)],
    ["a line without an end", eventOf(maxEventBytes + 1).subarray(0, -2)],
    ["many lines without a blank one", Buffer.from("data: 1234\n".repeat(800_001))],
  ])("of 8,000,001 bytes, as %s, is refused", (_, bytes) => {
    const { error } = translate(piecesOf(bytes, segment));
    expect(error).toMatchObject({
      code: "upstream_malformed",
      message: "response stream event exceeded 8 MB limit",
    });
  });

  test("the limit is the event's, not the stream's", () => {
    const events = Array.from({ length: 3 }, () =>
      Buffer.from(`data: {"choices":[{"delta":{"content":"${"x".repeat(4_000_000)}"}}]}\n\n`),
    );
    const { lines } = translate(
      [...events, Buffer.from("data: [DONE]\n\n")].flatMap((event) => piecesOf(event, 65_536)),
    );
    expect(lines.at(-1)).toMatchObject({ done_reason: "stop" });
    expect(lines.reduce((sum, { message }) => sum + message.content.length, 0)).toBe(12_000_000);
  });
});

describe("an answer in a hundred thousand pieces", () => {
  const chunk = (text: string) => `data: {"choices":[{"delta":{"content":"${text}"}}]}\n\n`;
  const end = Buffer.from("data: [DONE]\n\n");

  // Were what is held joined anew with each piece, each of these would need minutes.
  test.each<[string, string, Reading]>([
    ["thoughts that nothing opened", "abcdefgh", { thinkTags: "unopened" }],
    ["all of it white space", "        ", { thinkTags: "leading" }],
    ["pieces of a stop text at every end", "abc defg#", { stops: ["##", "#!"] }],
    ["what repeats nothing", "abcdefgh", { repeatsAnswer: true }],
  ])("is read in time linear to it: %s", (_, text, reading) => {
    const pieces = piecesOf(Buffer.from(chunk(text).repeat(100_000)), 65_536);
    const start = performance.now();
    const { lines } = translate([...pieces, end], reading);
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(lines.reduce((sum, { message }) => sum + message.content.length, 0)).toBe(
      text.length * 100_000,
    );
  });

  test("is read as fast where all of them are glued together", () => {
    const glued = Buffer.from(chunk("abc").trimEnd().repeat(90_000));
    const start = performance.now();
    const { lines } = translate([...piecesOf(glued, 65_536), Buffer.from("\n\n"), end]);
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(lines).toHaveLength(90_001);
  });
});
