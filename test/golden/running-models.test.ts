import { describe, expect, test } from "vitest";
import { answerDifferences } from "./answer-differences.ts";
import { comparable, concerns, expectedOf } from "./comparison.ts";
import { exchange } from "./raw-exchange.ts";
import { startRecordedServer } from "./recorded-server.ts";
import { haveRecordings, recordedAnswers } from "./recordings.ts";
import { loadsBefore } from "./running-models.ts";

const cases = recordedAnswers.filter(({ case: name }) => Object.hasOwn(loadsBefore, name));
/** Ollama writes "for ever" as a date some 290 years ahead. */
const A_CENTURY = 100 * 365 * 24 * 3600;

describe.skipIf(!haveRecordings)("running models recorded from real Ollama", () => {
  test.each(cases)("$case", async (recorded) => {
    const loads = loadsBefore[recorded.case] ?? { keepAlive: [] };
    const server = await startRecordedServer();
    async function load(body: object): Promise<void> {
      await fetch(`${server.url}/api/generate`, { method: "POST", body: JSON.stringify(body) });
    }
    try {
      await load({ model: "smol-think" });
      for (const keep_alive of loads.keepAlive) {
        await load({ model: "smol", keep_alive, options: { num_ctx: loads.numCtx ?? null } });
      }
      const answer = await exchange(server.port, recorded);
      const differences = answerDifferences.filter((entry) => concerns(entry, recorded));
      const { status, reply_headers: headers, reply: body } = recorded;
      const theirs = comparable(recorded.path, { status, headers, body });
      expect(comparable(recorded.path, answer)).toEqual(expectedOf(theirs, differences));

      const left = secondsLeft(answer.body);
      if (loads.stays === undefined) expect(left).toBeUndefined();
      else if (loads.stays === Infinity) expect(left).toBeGreaterThan(A_CENTURY);
      else expect(Math.abs((left ?? Infinity) - loads.stays)).toBeLessThan(30);
    } finally {
      await server.close();
    }
  });
});

function secondsLeft(body: string): number | undefined {
  const list: { models: { name: string; expires_at: string }[] } = JSON.parse(body);
  const smol = list.models.find(({ name }) => name === "smol:latest");
  return smol && (Date.parse(smol.expires_at) - Date.now()) / 1000;
}
