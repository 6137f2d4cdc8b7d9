import { describe, onTestFinished, test } from "vitest";
import { until } from "../waiting.ts";
import { scripted, type Backend } from "./backends.ts";
import { playsOf, type Faults, type Play } from "./fault.ts";
import { fronts } from "./fronts.ts";
import {
  judgeAnswer,
  judgeBackends,
  judgeHealth,
  judgeLog,
  judgeNext,
  judgeOutput,
  judgeResources,
  resources,
} from "./oracle.ts";
import { setStage, type Stage, type StageOptions } from "./stage.ts";

/** Every row of these tables, in every setting it is meant for. */
export function playAll(section: string, ...tables: readonly Faults[]): void {
  describe(section, () => {
    const plays = tables.flatMap(playsOf);
    test.each(plays.map((play) => [play.title, play] as const))("%s", (_, play) => playOne(play));
  });
}

async function playOne(play: Play): Promise<void> {
  const { fault, front, setting } = play;
  const { backend, timeouts = {}, verdict } = fault;
  const a = typeof backend === "function" ? await backend() : await scripted(backend);
  const before = resources();
  const stage = await setStage({
    a,
    hasOther: setting.hasOther,
    config: {
      timeouts,
      failover: {
        ambiguous: setting.ambiguous,
        first_byte: Number(timeouts.first_byte ?? 20) / 2,
        max_rest: 300,
      },
    },
  });
  onTestFinished(() => stage.close());
  const { path, body } = fronts[front];
  const answer = await stage.client.ask(path, body);
  judgeAnswer(play, answer);
  await judgeBackends(play, stage);
  await judgeResources(stage, before);
  await judgeHealth(play, stage);
  judgeLog(play, stage);
  const next = await judgeNext(play, stage);
  await judgeOutput(stage, [answer, next], verdict.alarm === true);
}

/** A row that takes more than one question: what it leaves behind is judged all the same. */
export async function withStage(
  { a: backend, ...options }: Omit<StageOptions, "a"> & { readonly a: Promise<Backend> },
  act: (stage: Stage) => Promise<void>,
): Promise<void> {
  const a = await backend;
  const before = resources();
  const stage = await setStage({ a, ...options });
  onTestFinished(() => stage.close());
  await act(stage);
  await until("every exchange with the backend is over", () => a.isIdle());
  await judgeResources(stage, before);
  await judgeOutput(stage, [], false);
}
