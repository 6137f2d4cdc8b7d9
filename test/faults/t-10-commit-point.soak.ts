import { describe, expect, test } from "vitest";
import { findFreePort } from "../interop/support/child-process.ts";
import { startConfiguredProxy } from "../soak/harness/configured-proxy.ts";
import { figure, isShort, size } from "../soak/harness/figures.ts";
import { inParallel } from "../soak/harness/parallel.ts";
import { startScriptedUpstream, type Script, type Step } from "../support/scripted-upstream.ts";
import { ask, fronts, type Expected, type Front } from "./fronts.ts";
import { aMoment, questionIn, raw, role, says, words } from "./plays.ts";

/**
 * Backend `a` is killed at every stage of an answer, with `b` ready to take over. Before its first
 * word the request may go on to `b`: always where nothing reached `a`, else only with
 * `failover.ambiguous`. After it the client keeps what it has and is told the error.
 */
const safe = "safe to ask again";
const ambiguous = "may have been billed";
const committed = "has begun";

interface Stage {
  readonly state: typeof safe | typeof ambiguous | typeof committed;
  /** Ended by the kill. Nobody listens where there is none. */
  readonly script?: (kill: Step) => Script;
  /** What the client has read by then. */
  readonly text?: string;
}

const stages: Record<string, Stage> = {
  connect: { state: safe },
  headers: { state: ambiguous, script: (kill) => raw(kill) },
  "role-only event": {
    state: ambiguous,
    script: (kill) => ({ steps: [role, aMoment, kill] }),
  },
  "first content": {
    state: committed,
    script: (kill) => ({ steps: [role, words("1"), aMoment, kill] }),
    text: "1",
  },
  middle: {
    state: committed,
    script: (kill) => ({ steps: [role, words("1", "2", "3"), aMoment, kill] }),
    text: "123",
  },
  last: {
    state: committed,
    script: (kill) => ({
      steps: [role, ...["1", "2", "3", "4", "5"].map((word) => words(word)), aMoment, kill],
    }),
    text: "12345",
  },
};

const models = Object.keys(stages);
const ways = Object.values(fronts);
const perStage = size(200, 24);

/** The stages take turns; each is come to by a reset and by an early end, on every route. */
function stageOf(index: number): { model: string; stage: Stage; way: Front } {
  const model = models[index % models.length] ?? "";
  const way = ways[Math.floor(index / models.length / 2) % ways.length] ?? fronts.chat;
  return { model, stage: stages[model] ?? { state: safe }, way };
}

function killOf(index: number): Step {
  return Math.floor(index / models.length) % 2 === 0 ? { reset: true } : { destroy: true };
}

/** What must come of one kill. */
function expectedOf({ state, text = "" }: Stage, mayAskAgain: boolean): Expectation {
  if (state === committed) return { answer: { cut: "unexpected EOF", after: text }, from: "a" };
  if (state === safe || mayAskAgain) return { answer: { text: "from b" }, from: "b" };
  // Unreachable, or no valid response: in words that name it.
  return { answer: { refused: 502, error: expect.stringContaining('upstream "a"') }, from: "a" };
}

interface Expectation {
  readonly answer: Expected;
  /** The backend that has the last word. */
  readonly from: "a" | "b";
}

describe("T-10 failover before the first byte, never after", () => {
  test.each([false, true])("failover.ambiguous: %s", async (mayAskAgain) => {
    const asked = { a: new Map<string, number>(), b: new Map<string, number>() };
    const count = (counts: Map<string, number>, prompt: string) =>
      counts.set(prompt, (counts.get(prompt) ?? 0) + 1);
    const [a, b] = [await startScriptedUpstream(), await startScriptedUpstream()];
    a.play((request) => {
      const { model, prompt } = questionIn(request);
      count(asked.a, prompt);
      const kill = killOf(Number(prompt));
      return stages[model]?.script?.(kill) ?? raw(kill);
    });
    b.play((request) => {
      count(asked.b, questionIn(request).prompt);
      return says("from b");
    });

    const nobody = `http://127.0.0.1:${await findFreePort()}/v1`;
    const common = { dialect: "generic", api_key: "sk-CANARY-upstream" } as const;
    const proxy = await startConfiguredProxy({
      upstreams: [
        { ...common, id: "nobody", base_url: nobody, models: ["connect"] },
        { ...common, id: "a", base_url: a.baseUrl, models: models.slice(1) },
        { ...common, id: "b", base_url: b.baseUrl, models, priority: 1 },
      ],
      // Every kill is decided for itself.
      circuit: { failures: 1_000_000 },
      failover: { ambiguous: mayAskAgain, budget: 1 },
      health: { interval: 0 },
    });

    const wrong: string[] = [];
    const killOne = async (index: number) => {
      const { model, stage, way } = stageOf(index);
      const { answer: expected, from } = expectedOf(stage, mayAskAgain);
      const prompt = String(index);
      try {
        const asking = { ...way, body: (text: string) => ({ ...way.body(text), model }) };
        const answer = await ask(proxy.url, asking, prompt);
        way.check(answer, expected);
        const found = {
          a: asked.a.get(prompt) ?? 0,
          b: asked.b.get(prompt) ?? 0,
          from: answer.headers.get("x-proxy-upstream"),
          attempts: answer.headers.get("x-proxy-attempts"),
        };
        const due = {
          a: stage.script === undefined ? 0 : 1,
          b: from === "b" ? 1 : 0,
          from,
          attempts: from === "b" ? "2" : "1",
        };
        if (JSON.stringify(found) !== JSON.stringify(due)) {
          throw new Error(`${JSON.stringify(found)} instead of ${JSON.stringify(due)}`);
        }
      } catch (error) {
        wrong.push(
          `${model}, ${way.path}: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    };
    await inParallel(models.length * perStage, 10, killOne);

    const setting = mayAskAgain ? "ambiguous on" : "ambiguous off";
    for (const example of wrong.slice(0, 5)) console.log(example);
    figure("T-10", `kills, ${setting}`, models.length * perStage, {
      atLeast: isShort ? 100 : 1_200,
    });
    figure("T-10", `wrong decisions, ${setting}`, wrong.length, { atMost: 0 });
    await a.close();
    await b.close();
  });
});
