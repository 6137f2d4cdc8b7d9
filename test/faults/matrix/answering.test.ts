import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { json } from "../../support/scripted-upstream.ts";
import { answering } from "./answering.ts";
import { inPieces, WELL } from "./backend-scripts.ts";
import { FROM_B, scripted } from "./backends.ts";
import { refused, whole } from "./fault.ts";
import { fronts, type FrontName } from "./fronts.ts";
import { playAll, withStage } from "./play.ts";
import { until } from "../waiting.ts";

playAll("5B: before the first text", answering);

test("F-29 a model that is not there after all: its backend's list is asked for once more", async () => {
  const missing = json(404, { error: { message: "no such model", code: "model_not_found" } });
  await withStage({ a: scripted(missing), hasOther: true, lists: true }, async (stage) => {
    const { path, body, check } = fronts.chat;
    check(await stage.client.ask(path, body), whole(FROM_B));
    const [asked, askedOther] = [stage.a.lookups.length, stage.b?.lookups.length];
    expect(asked).toBeGreaterThan(0);
    // A list that was told within this second is not asked for again.
    await sleep(1_050);
    check(await stage.client.ask(path, body), whole(FROM_B));
    await until("the list is asked for", () => stage.a.lookups.length > asked);
    expect(stage.a.lookups).toHaveLength(asked + 1);
    expect(stage.b?.lookups).toHaveLength(askedOther ?? -1);
  });
});

test("F-40 a document on /v1 is passed on byte for byte", async () => {
  const document =
    '{ "object": "chat.completion",\n"choices": [{"message":{"content":"\\u0041"}}] }';
  const headers = { "content-type": "application/json" };
  await withStage({ a: scripted({ headers, steps: inPieces(document, 7) }) }, async (stage) => {
    const { path, body } = fronts["openai whole"];
    const answer = await stage.client.ask(path, body);
    expect([answer.status, answer.body]).toEqual([200, document]);
  });
});

test.each<[FrontName, number]>([
  ["chat", 200],
  ["whole", 200],
  ["openai", 200],
  ["chat", 500],
])("F-44 the backend's headers stay here: %s, %i", async (name, status) => {
  const odd = {
    "set-cookie": "a=b",
    "access-control-allow-origin": "*",
    "strict-transport-security": "max-age=1",
    server: "x",
    ...Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-ratelimit-${index}`, "1"])),
  };
  const headers = { ...odd, "content-type": "text/event-stream" };
  await withStage({ a: scripted({ status, headers, steps: [WELL] }) }, async ({ client }) => {
    const { path, body, check } = fronts[name];
    const answer = await client.ask(path, body);
    if (status === 200) check(answer, whole("well"));
    else check(answer, refused(500, WELL.replaceAll("\n\n", " ").trim()));
    expect([...answer.headers.keys()].filter((header) => header in odd)).toEqual([]);
  });
});
