import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkContract } from "../support/contract.ts";
import { answerDifferences } from "./answer-differences.ts";
import { changes, comparable, concerns, expectedOf, type Compared } from "./comparison.ts";
import { exchange, type RawAnswer } from "./raw-exchange.ts";
import { backendOf, isBackendsWord } from "./recorded-backend.ts";
import { startRecordedServer, type RecordedServer } from "./recorded-server.ts";
import { haveRecordings, recordedAnswers, type RecordedAnswer } from "./recordings.ts";
import { loadsBefore } from "./running-models.ts";
import { askedBefore } from "./unrecorded.ts";

function compared(recorded: RecordedAnswer): Compared {
  const { path, status, reply_headers: headers, reply: body } = recorded;
  return comparable(path, { status, headers, body });
}

const alone = recordedAnswers.filter(({ case: name }) => !Object.hasOwn(loadsBefore, name));

describe.skipIf(!haveRecordings)("answers recorded from real Ollama", () => {
  let server: RecordedServer;
  beforeAll(async () => {
    server = await startRecordedServer();
  });
  afterAll(() => server.close());

  test.each(alone.map((recorded) => [recorded.case, recorded] as const))(
    "%s",
    async (name, recorded) => {
      const before = askedBefore[name];
      if (before) expect((await exchange(server.port, before)).status).toBe(200);
      server.upstream.play(backendOf(recorded));
      const asked = server.upstream.requests.length;
      const answer = await exchange(server.port, recorded, name.includes("http10") ? "1.0" : "1.1");
      checkObjects(recorded, answer);
      const theirs = compared(recorded);
      const ours = comparable(recorded.path, answer);
      const differences = answerDifferences.filter((difference) => concerns(difference, recorded));
      const expected = expectedOf(theirs, differences);

      if (typeof expected.body === "string") expect(ours).toEqual(expected);
      else {
        expect({ ...ours, body: "" }).toEqual({ ...expected, body: "" });
        expect(ours.body).toMatch(expected.body);
        expect(ours.body).not.toBe(theirs.body);
      }
      if (isOurOwnWord(recorded, expected.status)) {
        expect(server.upstream.requests.length, "the backend is not asked").toBe(asked);
      }
    },
  );

  test("no difference is out of date", () => {
    const outdated = answerDifferences.filter((difference) => {
      const cases = recordedAnswers.filter((recorded) => concerns(difference, recorded));
      return !cases.some((recorded) => changes(compared(recorded), difference));
    });
    expect(outdated).toEqual([]);
  });
});

/** Whatever the recording says, each object that we send on Ollama's routes has to fit. */
function checkObjects({ method, path }: RecordedAnswer, answer: RawAnswer): void {
  if (!path.startsWith("/api/") || !/^(?:data: )?\{/u.test(answer.body)) return;
  const contentType = answer.headers["content-type"] ?? "";
  checkContract({ method, path, status: answer.status, contentType, text: answer.body });
}

/** Refusals of the question itself, and loading: the backend must not hear of either. */
function isOurOwnWord(recorded: RecordedAnswer, status: number): boolean {
  if (recorded.path.startsWith("/v1/")) return false;
  const refused = status >= 400 && !isBackendsWord(recorded);
  return refused || /"done_reason":"(?:un)?load"/u.test(recorded.reply);
}
