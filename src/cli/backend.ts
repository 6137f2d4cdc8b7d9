import { request } from "undici";
import { environmentUpstream, type Environment } from "../config/environment.ts";
import type { ConfigFile } from "../config/schema.ts";
import { startDemoBackend, type DemoBackend } from "../demo/demo-backend.ts";
import { asArray, asObject, asText } from "../openai/json.ts";

type UpstreamFile = NonNullable<ConfigFile["upstreams"]>[number];

/** The backends to serve, in words for the start-up block, and the demo if that is what it came to. */
export interface BackendChoice {
  readonly upstreams: readonly UpstreamFile[];
  readonly because: string;
  readonly demo?: DemoBackend;
}

const probeTimeout = 700;

/** Ports on which servers of one's own usually listen; the first that answers as one is taken. */
const localServers: readonly { readonly id: string; readonly port: number }[] = [
  { id: "lm-studio", port: 1234 },
  { id: "vllm", port: 8000 },
  { id: "llama.cpp", port: 8080 },
  { id: "jan", port: 1337 },
  { id: "koboldcpp", port: 5001 },
  { id: "tabbyapi", port: 5000 },
  { id: "sglang", port: 30_000 },
  { id: "docker-model-runner", port: 12_434 },
];

/**
 * With no backend in the configuration: the one that the environment names, else a server on this
 * machine, else the built-in demo, so that the first command always shows a stream.
 */
export async function chooseBackend(environment: Environment): Promise<BackendChoice> {
  const named = environmentUpstream(environment);
  if (named !== undefined) {
    return { upstreams: [named.upstream], because: named.variable };
  }
  const found = await findLocalServer();
  if (found !== undefined) return { upstreams: [found], because: "found on this machine" };
  const demo = await startDemoBackend();
  return {
    upstreams: [{ id: "demo", base_url: demo.baseUrl }],
    because: "no backend is configured; this is a demo and no language model",
    demo,
  };
}

async function findLocalServer(): Promise<UpstreamFile | undefined> {
  const answers = await Promise.all(
    localServers.map(async ({ id, port }) => {
      const path = id === "docker-model-runner" ? "/engines/v1" : "/v1";
      const base_url = `http://127.0.0.1:${port}${path}`;
      return (await listsModels(`${base_url}/models`)) ? { id, base_url } : undefined;
    }),
  );
  return answers.find((answer) => answer !== undefined);
}

/** Judged by the body: some servers answer 200 to any route. */
async function listsModels(url: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(url, {
      signal: AbortSignal.timeout(probeTimeout),
      headers: { accept: "application/json" },
    });
    if (statusCode !== 200) {
      await body.dump();
      return false;
    }
    const list = asObject(await body.json());
    return asArray(list?.["data"]).some((entry) => asText(asObject(entry)?.["id"]) !== undefined);
  } catch {
    return false;
  }
}
