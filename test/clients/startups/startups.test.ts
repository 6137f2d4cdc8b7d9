import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  startScriptedUpstream,
  type RecordedRequest,
  type ScriptedUpstream,
} from "../../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../../support/start-proxy.ts";
import { ask, type Answer } from "./ask.ts";
import { models } from "./backend.ts";
import { continueExtension } from "./continue.ts";
import { copilot } from "./copilot.ts";
import { homeAssistant } from "./home-assistant.ts";
import { koog } from "./koog.ts";
import { n8n } from "./n8n.ts";
import { ollamaExtension } from "./ollama-extension.ts";
import { ollamaSharp } from "./ollama-sharp.ts";
import { openWebUI } from "./open-webui.ts";
import { rooCode } from "./roo-code.ts";
import { smartConnections } from "./smart-connections.ts";
import { springAI } from "./spring-ai.ts";
import type { Startup, Step } from "./startup.ts";
import { xcode } from "./xcode.ts";
import { zed } from "./zed.ts";

const startups: Startup[] = [
  copilot,
  ollamaExtension,
  zed,
  homeAssistant,
  openWebUI,
  continueExtension,
  rooCode,
  n8n,
  springAI,
  ollamaSharp,
  koog,
  smartConnections,
  xcode,
];

let upstream: ScriptedUpstream;
let proxy: StartedProxy;
beforeAll(async () => {
  const listed = Object.keys(models).map((id) => ({ id, object: "model", created: 1_700_000_000 }));
  upstream = await startScriptedUpstream({ models: listed });
  proxy = await startProxy({ upstreamUrl: upstream.baseUrl, config: { models } });
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

describe.each(startups.map((startup) => [startup.client, startup] as const))(
  "%s",
  (_client, startup) => {
    const { headers = {}, steps } = startup;
    let names: string[] = [];

    test.each(steps.map((step, i) => [`${i + 1}. ${step.asks}`, step] as const))(
      "%s",
      async (_step, step) => {
        const askOne = async (model: string) => step.reads(await play(headers, step, model));
        upstream.requests.length = 0;
        if (step.backend) upstream.play(step.backend);

        const { each } = step;
        const found = each
          ? Object.fromEntries(
              await Promise.all(names.filter(each).map(async (name) => [name, await askOne(name)])),
            )
          : await askOne("");
        expect(found).toEqual(step.finds);
        expect(upstream.requests).toHaveLength(step.backend ? 1 : 0);
        expect(upstream.requests.map(bodyOf)).toMatchObject(
          step.backendIsSent ? [step.backendIsSent] : [],
        );
        if (step.lists) names = found as string[];
      },
    );
  },
);

function play(headers: Startup["headers"], step: Step, model: string): Promise<Answer> {
  const [method = "", path = ""] = step.asks.split(" ");
  const body = typeof step.body === "function" ? step.body(model) : step.body;
  return ask(proxy.url, {
    method,
    path,
    headers: { ...headers, ...step.headers },
    body: body && JSON.stringify(body),
  });
}

/** With each call's id replaced by its number, wherever it stands. */
function bodyOf({ body }: RecordedRequest): unknown {
  const { messages = [] } = JSON.parse(body) as { messages?: { tool_calls?: { id: string }[] }[] };
  const ids = messages.flatMap(({ tool_calls = [] }) => tool_calls.map(({ id }) => id));
  return JSON.parse(
    ids.reduce((text, id, i) => text.replaceAll(JSON.stringify(id), `"call ${i + 1}"`), body),
  );
}
