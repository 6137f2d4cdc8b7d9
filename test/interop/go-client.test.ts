import { afterAll } from "vitest";
import { plainEnvironment, runProgram } from "./support/child-process.ts";
import { reportRun } from "./support/external-tests.ts";
import { goEnvironment, readGoTests } from "./support/go-tests.ts";
import { startModelServer } from "./support/model-server.ts";
import { startProxy } from "./support/proxy.ts";
import { startScriptedWorld } from "./support/scripted-world.ts";
import { interopFile } from "./support/tools.ts";

const model = await startModelServer("smol", "thinks and calls tools");
const proxy = await startProxy(model.baseUrl);
const scripted = await startScriptedWorld();
afterAll(() => Promise.all([model.stop(), proxy.stop(), scripted.close()]));

const run = await runProgram("go", ["test", "-json", "-count=1", "."], {
  folder: interopFile("go"),
  environment: plainEnvironment({
    ...goEnvironment(),
    OLLAMA_HOST: proxy.host,
    BACKEND_URL: model.baseUrl,
    SCRIPTED_HOST: scripted.host,
    FAILOVER_HOST: scripted.failoverHost,
    SCRIPTED_BACKEND: scripted.backend.url,
  }),
});

reportRun("Ollama's Go client", readGoTests(run));
