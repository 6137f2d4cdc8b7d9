import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { startScriptedWorld } from "../support/scripted-world.ts";
import { clients } from "./clients/clients.mjs";
import { describeError } from "./describe-error.mjs";

/** What backends send that has broken clients behind other servers. None of it may reach them. */
const breakages = JSON.parse(readFileSync(new URL("../breakages.json", import.meta.url), "utf8"));

/** It overlooks an error in a stream, wherever it comes from; then only the end tells. */
const overlooksErrors = "ollama-ai-provider-v2";

const question = "What is it like in Rome?";

const world = await startScriptedWorld();
const { host, backend } = world;
afterAll(() => world.close());

const started = Object.entries(clients).map(([name, start]) => [name, start(host, "m")]);
describe.each(started)("%s", (name, client) => {
  test("an unknown model", async () => {
    const unknown = clients[name](host, "x");
    const error = await unknown.chat({ question, stream: false }).catch(describeError);
    expect(error).toEqual({ words: expect.stringContaining("model 'x' not found"), status: 404 });
  });

  test("vectors without usage", async () => {
    backend.script({ withoutUsage: true }, { withoutUsage: true });
    expect(await client.embed(["one", "two"])).toHaveLength(2);
  });

  describe.each([
    ["whole", false],
    ["streamed", true],
  ])("%s", (_, stream) => {
    const named = (rows) => rows.map((row) => [row.name, row]);

    test.each(named(breakages.filter(({ text }) => text !== undefined)))(
      "%s",
      async (_row, row) => {
        backend.script(row.reply);
        const answer = await client.chat({ question, stream });
        expect(answer).toMatchObject({ text: row.text, finish: "stop" });
        for (const count of [answer.usage.input, answer.usage.output]) {
          expect(Number.isInteger(count) && count > 0, `a count of ${count}`).toBe(true);
        }
      },
    );

    test.each(named(breakages.filter(({ calls }) => calls !== undefined)))(
      "%s",
      async (_row, { reply, calls }) => {
        backend.script(reply, { text: "Warm." });
        const answer = await client.useTools({ question, stream });
        expect(answer.text).toContain("Warm.");
        const { results } = backend.received().at(-1);
        expect(results.map(({ result }) => result)).toEqual(
          calls.map((call) => `the ${call.name.replace("get_", "")} of ${call.arguments.city}`),
        );
      },
    );

    test.each(named(breakages.filter(({ failure }) => failure !== undefined)))(
      "%s",
      async (_row, { reply, failure }) => {
        backend.script(reply);
        const answer = client.chat({ question, stream });
        if (stream && name === overlooksErrors) {
          expect(await answer).toMatchObject({ text: "Good", finish: "other" });
        } else {
          const { words } = await answer.then(() => ({ words: "none" }), describeError);
          expect(words).toContain(failure);
        }
      },
    );
  });
});
