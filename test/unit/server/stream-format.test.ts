import { describe, expect, test } from "vitest";
import { chooseStreamFormat, ndjson, serverSentEvents } from "../../../src/server/stream-format.ts";

describe("a stream is NDJSON unless the client prefers events", () => {
  test.each([
    undefined,
    "",
    "*/*",
    "application/json",
    "application/x-ndjson",
    "application/json, text/event-stream;q=0.9",
    "text/event-stream, application/x-ndjson",
    "text/event-stream;q=0",
    "text/*",
    "text/html, */*;q=0.8",
    "nonsense;;q=x,",
  ])("Accept: %s is NDJSON", (accept) => {
    expect(chooseStreamFormat("auto", accept)).toBe(ndjson);
  });

  test.each([
    "text/event-stream",
    "Text/Event-Stream; charset=utf-8",
    "text/event-stream, */*",
    "application/json, text/event-stream",
    "application/json;q=0.5, text/event-stream;q=0.6",
    "application/x-ndjson;q=0.1, text/event-stream",
  ])("Accept: %s is Server-Sent Events", (accept) => {
    expect(chooseStreamFormat("auto", accept)).toBe(serverSentEvents);
  });

  test("or the configuration decides", () => {
    expect(chooseStreamFormat("sse", "application/x-ndjson")).toBe(serverSentEvents);
    expect(chooseStreamFormat("ndjson", "text/event-stream")).toBe(ndjson);
  });
});
