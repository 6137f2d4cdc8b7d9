import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkContract } from "../support/contract.ts";
import { checkStream, isObject, parseNdjson, type JsonObject } from "../support/ndjson.ts";
import { startScriptedUpstream, type ScriptedUpstream } from "../support/scripted-upstream.ts";
import { startProxy } from "../support/start-proxy.ts";
import { changes, concerns, expectedOf, type Compared, type Expected } from "./comparison.ts";
import { linesOf } from "./recorded-backend.ts";
import { haveRecordings, recordedStreams, type RecordedStream } from "./recordings.ts";
import { bodyOf, scriptOf } from "./scripts.ts";
import { requestDifferences, streamDifferences, v1Differences } from "./stream-differences.ts";

let upstream: ScriptedUpstream;
let proxy: Awaited<ReturnType<typeof startProxy>>;

const OLLAMA = recordedStreams.filter(({ path }) => path === "/api/chat");
const V1 = recordedStreams.filter(({ path }) => path.startsWith("/v1/"));
const ANSWERED = OLLAMA.filter(({ reply }) => reply !== undefined);

describe.skipIf(!haveRecordings)("streams recorded from real Ollama", () => {
  beforeAll(async () => {
    upstream = await startScriptedUpstream({ models: [{ id: "orc", object: "model" }] });
    proxy = await startProxy({
      upstreamUrl: upstream.baseUrl,
      config: {
        models: { orc: { capabilities: ["completion", "tools", "thinking", "vision"] } },
      },
    });
  });
  afterAll(async () => {
    await proxy.close();
    await upstream.close();
  });

  async function ask({ script, path, body }: RecordedStream): Promise<Compared> {
    upstream.play(scriptOf(script));
    const answer = await fetch(proxy.url + path, { method: "POST", body });
    return {
      status: answer.status,
      headers: { "content-type": answer.headers.get("content-type") ?? "" },
      body: await answer.text(),
    };
  }

  test.each(ANSWERED)("$case", async (recorded) => {
    const answer = await ask(recorded);
    const { status, headers, body: text } = answer;
    const contentType = headers["content-type"] ?? "";
    checkContract({ method: "POST", path: recorded.path, status, contentType, text });
    if (contentType === "application/x-ndjson") {
      checkStream(parseNdjson(text), "chat");
    }
    const theirs = documented(recorded);
    const differences = streamDifferences.filter((entry) => concerns(entry, recorded));
    compare(masked(answer, recorded), expectedOf(theirs, differences), theirs);
  });

  test("no difference is out of date", () => {
    const outdated = streamDifferences.filter((difference) => {
      const cases = ANSWERED.filter((recorded) => concerns(difference, recorded));
      return !cases.some((recorded) => changes(documented(recorded), difference));
    });
    expect(outdated).toEqual([]);
  });

  test.each(OLLAMA)("what the backend is asked: $case", async (recorded) => {
    const asked = upstream.requests.length;
    await ask(recorded);
    const ours = upstream.requests.slice(asked).map(({ body }): JsonObject => JSON.parse(body));
    expect(ours.length, "one request").toBe(1);
    const differences = requestDifferences.filter((entry) => concerns(entry, recorded));
    const theirs = chatRequestOf(recorded);
    const both = Object.keys(theirs).filter((field) => Object.hasOwn(ours[0] ?? {}, field));
    for (const field of both) {
      const difference = differences.find((entry) => entry.field === field);
      expect({ [field]: ours[0]?.[field] }).toEqual({
        [field]: difference ? difference.ours : theirs[field],
      });
      if (difference) expect(difference.ours).not.toEqual(theirs[field]);
    }
    for (const { field } of differences) expect(both).toContain(field);
  });

  /** Real Ollama translates `/v1` twice; we hand on what the backend says, byte for byte. */
  test.each(V1)("passed through: $case", async (recorded) => {
    const answer = await ask(recorded);
    const { status, headers } = scriptOf(recorded.script);
    const sent = { status: status ?? 200, headers: headers ?? {}, body: bodyOf(recorded.script) };
    const differences = v1Differences.filter((entry) => concerns(entry, recorded));
    compare(answer, expectedOf(sent, differences), sent);
    expect(upstream.requests.at(-1)?.path).toBe(recorded.path);
  });
});

function compare(ours: Compared, expected: Expected, theirs: Compared): void {
  if (typeof expected.body === "string") {
    expect(ours).toEqual(expected);
    return;
  }
  expect({ ...ours, body: "" }).toEqual({ ...expected, body: "" });
  expect(ours.body).toMatch(expected.body);
  expect(ours.body).not.toBe(theirs.body);
}

/** A recorded reply with the differences that every stream has, as docs/COMPATIBILITY.md says. */
function documented(recorded: RecordedStream): Compared {
  const { status = 0, content_type: type = "", reply = "" } = recorded;
  const lines = linesOf(reply);
  const body = asText(type === "application/x-ndjson" ? lines.flatMap(wholeLast) : lines);
  return masked({ status, headers: { "content-type": type }, body }, recorded);
}

/** Text and tool calls leave before the last line, one line a call. */
function wholeLast(line: JsonObject): JsonObject[] {
  const message = line["message"];
  if (line["done"] !== true || !isObject(message)) return [line];
  const { content = "", tool_calls: calls = [] } = message;
  const before = { model: line["model"] ?? "", created_at: line["created_at"] ?? "" };
  const pieces: JsonObject[] = [
    ...(content === "" ? [] : [{ content }]),
    ...(Array.isArray(calls) ? calls.map((call) => ({ content: "", tool_calls: [call] })) : []),
  ];
  return [
    ...pieces.map((piece) => ({
      ...before,
      message: { role: "assistant", ...piece },
      done: false,
    })),
    { ...line, message: { role: "assistant", content: "" } },
  ];
}

/** Durations are compared where the backend tells them; `created_at` is ours. */
function masked(answer: Compared, { script }: RecordedStream): Compared {
  const told = bodyOf(script).includes('"timings"');
  const own = told ? /^(?:total|load)_duration$/u : /_duration$/u;
  const lines = linesOf(answer.body).map((line) => {
    const members = Object.entries(line).filter(([name]) => name !== "created_at");
    return Object.fromEntries(
      members.map(([name, value]) => [name, own.test(name) ? "<nanoseconds>" : value]),
    );
  });
  return lines.length === 0 ? answer : { ...answer, body: asText(lines) };
}

function asText(lines: readonly JsonObject[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** What real Ollama asked its runner, the last time it did. */
function chatRequestOf(recorded: RecordedStream): JsonObject {
  const requests = recorded.upstream_requests.map((line): { url: string; body: JsonObject } =>
    JSON.parse(line),
  );
  return requests.findLast(({ url }) => url === "/v1/chat/completions")?.body ?? {};
}
