import { afterAll } from "vitest";
import { plainEnvironment, runProgram } from "./support/child-process.ts";
import { reportRun, type ExternalTest } from "./support/external-tests.ts";
import { startModelServer } from "./support/model-server.ts";
import { startProxy } from "./support/proxy.ts";
import { startScriptedWorld } from "./support/scripted-world.ts";
import { interopFile, tool } from "./support/tools.ts";

const model = await startModelServer("smol", "thinks and calls tools");
const proxy = await startProxy(model.baseUrl);
const scripted = await startScriptedWorld();
afterAll(() => Promise.all([model.stop(), proxy.stop(), scripted.close()]));

const { exitCode, stdout, stderr } = await runProgram(
  tool("python"),
  ["-B", interopFile("python/run_tests.py")],
  {
    environment: plainEnvironment({
      OLLAMA_HOST: proxy.host,
      BACKEND_URL: model.baseUrl,
      SCRIPTED_HOST: scripted.host,
      FAILOVER_HOST: scripted.failoverHost,
      SCRIPTED_BACKEND: scripted.backend.url,
    }),
  },
);
const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
const tests = lines.map((line): ExternalTest => JSON.parse(line));

reportRun("the Python package", { exitCode, tests, output: stderr });
