import { afterAll, describe, expect, test } from "vitest";
import { startScriptedWorld } from "../support/scripted-world.ts";
import { clients } from "./clients/clients.mjs";
import { describeError } from "./describe-error.mjs";

const world = await startScriptedWorld();
const { host, backend } = world;
afterAll(() => world.close());

const question = "What is it like in Rome?";
const thinking = "The user asks for the weather.";
const text = "Rome is warm today. 🌞";
const usage = { input: 11, output: 7 };

/** The smallest of their kinds. */
const images = {
  "image/png":
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "image/gif": "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
  "image/webp": "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA",
};

const calls = (...cities) =>
  cities.map(([name, city]) => ({ name: `get_${name}`, arguments: { city } }));
const answered = (...cities) =>
  calls(...cities).map((call, i) => ({
    call: call.name,
    arguments: call.arguments,
    result: `the ${cities[i].join(" of ")}`,
  }));

/** What is left to ask for where the client doesn't say which call it was. */
const answeredSomeCall = (result) => ({
  call: expect.any(String),
  arguments: expect.anything(),
  result,
});

/** What the model calls in each round before it answers. */
const conversations = {
  "in two rounds": [[["weather", "Rome"]], [["time", "Oslo"]]],
  "in parallel": [
    [
      ["weather", "Rome"],
      ["time", "Rome"],
    ],
  ],
  "twice the same in parallel": [
    [
      ["weather", "Rome"],
      ["weather", "Oslo"],
      ["time", "Oslo"],
      ["weather", "Bern"],
    ],
  ],
  "twice the same in two rounds": [[["weather", "Rome"]], [["weather", "Oslo"]]],
};

const pet = { name: "Rex", age: 4, likes: ["walks"] };

const started = Object.entries(clients).map(([name, start]) => [name, start(host, "m")]);
describe.each(started)("%s", (name, client) => {
  const bodies = () => backend.received().map(({ body }) => body);

  describe.each([
    ["whole", false],
    ["streamed", true],
  ])("%s", (_, stream) => {
    test("answers", async () => {
      backend.script({ text });
      const answer = await client.chat({ question, stream });
      expect(answer).toMatchObject({ text, usage, finish: "stop" });
      if (stream) expect(answer.pieces).toBeGreaterThanOrEqual(5);
      expect(bodies()).toMatchObject([{ messages: [{ role: "user", content: question }] }]);
    });

    if (client.think) {
      test("thinks", async () => {
        backend.script({ thinking, text });
        const answer = await client.think({ question, stream, think: true });
        expect(answer).toMatchObject({ thinking, text, usage, finish: "stop" });
        expect(bodies()[0].chat_template_kwargs).toMatchObject({ enable_thinking: true });
      });

      test("doesn't think", async () => {
        backend.script({ text });
        const answer = await client.think({ question, stream, think: false });
        expect(answer).toMatchObject({ thinking: "", text, usage, finish: "stop" });
        expect(bodies()[0].chat_template_kwargs).toMatchObject({ enable_thinking: false });
      });
    }

    test.each(Object.entries(conversations))("calls tools %s", async (_name, rounds) => {
      backend.script(...rounds.map((round) => ({ calls: calls(...round) })), { text });
      const answer = await client.useTools({ question, stream });
      expect(answer.text).toBe(text);
      expect(backend.received()).toHaveLength(rounds.length + 1);
      const results = answered(...rounds.flat());
      expect(backend.received().at(-1).results).toEqual(
        client.forgetsCalls ? results.map(({ result }) => answeredSomeCall(result)) : results,
      );
      expect(bodies()[0].tools).toMatchObject(
        ["get_weather", "get_time"].map((function_) => ({
          type: "function",
          function: {
            name: function_,
            parameters: { type: "object", properties: { city: { type: "string" } } },
          },
        })),
      );
    });

    test("describes as the schema has it", async () => {
      backend.script({ text: JSON.stringify(pet) });
      expect(await client.describePet({ question, stream })).toEqual(pet);
      expect(bodies()[0].response_format).toMatchObject({
        type: "json_schema",
        json_schema: {
          schema: {
            type: "object",
            properties: { age: { type: "integer" }, likes: { items: { enum: ["walks", "naps"] } } },
            required: ["name", "age", "likes"],
          },
        },
      });
    });

    if (client.look) {
      test.each(Object.entries(images))("looks at %s", async (mediaType, image) => {
        backend.script({ text });
        expect(await client.look({ question, image, stream })).toMatchObject({ text });
        const parts = bodies()[0].messages.flatMap(({ content }) => content);
        expect(parts).toContainEqual({
          type: "image_url",
          image_url: { url: `data:${mediaType};base64,${image}` },
        });
        expect(JSON.stringify(parts)).toContain(question);
      });
    }

    if (client.complete) {
      test("completes", async () => {
        backend.script({ text });
        expect(await client.complete({ prompt: question, stream })).toBe(text);
        expect(JSON.stringify(bodies()[0].messages)).toContain(question);
      });
    }

    if (client.insert) {
      test("fills in", async () => {
        const [prefix, suffix] = ["def one():\n", "\n\nprint(one())"];
        backend.script({ text: "    return 1" });
        expect(await client.insert({ prefix, suffix, stream })).toBe("    return 1");
        expect(backend.received()).toMatchObject([{ path: "/v1/completions", body: { suffix } }]);
        expect(bodies()[0].prompt).toContain(prefix);
      });
    }

    if (client.logprobs) {
      test("tells logprobs", async () => {
        const logprobs = ["Good", " day", " 🌞"].map((token, i) => ({
          token,
          logprob: -0.5 - i,
          top_logprobs: [
            { token, logprob: -0.5 - i },
            { token: "x", logprob: -7 },
          ],
        }));
        backend.script({ logprobs });
        expect(await client.logprobs({ question, stream })).toMatchObject(logprobs);
        expect(bodies()[0]).toMatchObject({ logprobs: true, top_logprobs: 2 });
      });
    }

    test("tells a refusal", async () => {
      backend.script({ status: 429, body: { error: { message: "Slow down, please", code: 1 } } });
      const error = await client.chat({ question, stream }).catch(describeError);
      expect(error).toEqual({
        words: expect.stringContaining("Slow down, please"),
        status: 429,
      });
    });
  });

  if (client.show) {
    test("shows", async () => {
      const { model_info, capabilities } = await client.show();
      expect(model_info).toMatchObject({ "general.architecture": expect.any(String) });
      expect(capabilities).toEqual(expect.arrayContaining(["completion", "tools", "vision"]));
    });
  }

  test("embeds", async () => {
    const texts = ["one", "three", "seventeen"];
    backend.script();
    const vectors = await client.embed(texts);
    expect(vectors.map(normalized)).toEqual(
      texts.map((embedded) => normalized([embedded.length, 2, -1]).map(closeTo)),
    );
  });
});

function normalized(vector) {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

const closeTo = (value) => expect.closeTo(value, 5);
