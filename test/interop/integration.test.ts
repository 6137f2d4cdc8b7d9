import { afterAll, expect, test } from "vitest";
import { plainEnvironment, runProgram } from "./support/child-process.ts";
import { reportRun, type ExternalRun } from "./support/external-tests.ts";
import { goEnvironment, readGoTests } from "./support/go-tests.ts";
import { startModelServer } from "./support/model-server.ts";
import { startConfiguredProxy } from "./support/proxy.ts";
import { tool } from "./support/tools.ts";

/** The cases that can be passed with a model this small; each has subtests. */
const plainCases = [
  "TestAPI/api-generate",
  "TestAPI/api-chat",
  "TestAPI/api-list-models",
  "TestAPI/api-show-model",
  "TestAPI/generate-logprobs",
  "TestAPI/chat-logprobs",
  "TestBasic/blue-sky",
  "TestBasic/num-predict",
];
const toolCases = ["TestTools/tools", "TestTools/tools-routes"];
const toolRoutes = ["ollama", "openai_chat_completions", "openai_responses", "anthropic_messages"];

// Ollama's own tests ask for these models by name. The tool cases take any.
const small = await startModelServer("llama3.2:1b");
const large = await startModelServer("llama3.2");
const tools = await startModelServer("smol", "thinks and calls tools");
const proxy = await startConfiguredProxy({
  upstreams: [
    { id: "small", base_url: small.baseUrl },
    { id: "large", base_url: large.baseUrl },
    { id: "tools", base_url: tools.baseUrl },
  ],
});
afterAll(() => Promise.all([proxy.stop(), small.stop(), large.stop(), tools.stop()]));

const plainRun = await runCases(plainCases);
const toolRun = await runCases(toolCases, { OLLAMA_TEST_MODEL: "smol" });

reportRun("Ollama's integration tests", plainRun);
reportRun("Ollama's integration tests with tools", toolRun);

test("no case and no route was left out", () => {
  const ran = [...plainRun.tests, ...toolRun.tests]
    .filter(({ outcome }) => outcome !== "skipped")
    .map(({ name }) => `${name}/`);
  const expected = [...plainCases, ...toolCases, ...toolRoutes];
  const missing = expected.filter((part) => !ran.some((name) => name.includes(`${part}/`)));
  expect(missing).toEqual([]);
});

async function runCases(
  cases: readonly string[],
  environment: Record<string, string> = {},
): Promise<ExternalRun> {
  const toEvents = ["tool", "test2json", "-t"];
  const pattern = groupPattern(cases);
  const run = await runProgram(
    "go",
    [...toEvents, tool("integrationTests"), "-test.v=test2json", `-test.run=${pattern}`],
    {
      environment: plainEnvironment({
        ...goEnvironment(),
        OLLAMA_HOST: proxy.host,
        OLLAMA_TEST_EXISTING: "1", // it would start a server of its own
        ...environment,
      }),
    },
  );
  return readGoTests(run);
}

/** `TestAPI/one`, `TestAPI/two`, `TestBasic/three` → `^(TestAPI|TestBasic)$/^(one|two|three)$`. */
function groupPattern(cases: readonly string[]): string {
  const levels = cases.map((name) => name.split("/"));
  const alternatives = (level: number) =>
    [...new Set(levels.map((parts) => parts[level]))].join("|");
  return `^(${alternatives(0)})$/^(${alternatives(1)})$`;
}
