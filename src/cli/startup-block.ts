import { adminAddress, listenAddress } from "../config/listen-address.ts";
import type { Config } from "../config/schema.ts";

export interface StartupFacts {
  readonly config: Config;
  readonly port: number;
  /** Why these backends were chosen. */
  readonly because: string;
  /** Names that clients see. */
  readonly models: readonly string[];
  /** Why there may be none. */
  readonly problem?: string | undefined;
  readonly nodeVersion: string;
}

const shownModels = 5;

/** What a user reads at start: where it listens, what it serves, what is exposed, one command to try. */
export function startupBlock(facts: StartupFacts): string {
  const { config, port, models } = facts;
  const { host, loopback } = listenAddress(config);
  const shownHost = host.includes(":") ? `[${host}]` : host;
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : shownHost;
  const url = `http://${reachable}:${port}${config.path_prefix}`;
  const backends = config.upstreams.map(
    (upstream) => `${upstream.id} (${new URL(upstream.base_url).host})`,
  );
  return [
    "",
    `  ollama-openai-proxy`,
    `  Listening   http://${shownHost}:${port}${config.path_prefix}${loopback ? "  (this machine only)" : ""}`,
    `  Backend     ${backends.join(", ")}: ${facts.because}`,
    `  Models      ${modelsLine(facts)}`,
    ...exposure(config, loopback),
    ...uncheckedBackends(config),
    ...admin(config),
    ...endOfLife(facts.nodeVersion),
    "",
    "  Try it:",
    `    curl ${url}/api/chat -d '${example(models[0])}'`,
    ...(config.upstreams[0]?.id === "demo"
      ? ["", "  Serve a real model: OPENAI_BASE_URL=… OPENAI_API_KEY=… npm start"]
      : []),
    "",
    "",
  ].join("\n");
}

function modelsLine({ models, problem }: StartupFacts): string {
  if (models.length === 0) return `none: ${problem ?? "the backend lists no models"}`;
  const shown = models.slice(0, shownModels).join(", ");
  return `${models.length}: ${shown}${models.length > shownModels ? ", …" : ""}`;
}

function exposure(config: Config, loopback: boolean): string[] {
  if (loopback) return [];
  return config.api_key === undefined
    ? ["  EXPOSED     other machines can use your backends without any key (PROXY_INSECURE)"]
    : ["  Exposed     other machines can use your backends with the key PROXY_API_KEY"];
}

function uncheckedBackends({ upstreams }: Config): string[] {
  const ids = upstreams.filter(({ insecure_tls }) => insecure_tls).map(({ id }) => id);
  return ids.length === 0
    ? []
    : [`  INSECURE    any certificate is taken for that of ${ids.join(", ")} (insecure_tls)`];
}

function admin(config: Config): string[] {
  const address = adminAddress(config);
  if (address === undefined) return [];
  const reach = address.loopback ? "this machine only" : "EXPOSED: without any key";
  return [`  Admin       ${config.admin.listen}/metrics, /state  (${reach})`];
}

function endOfLife(nodeVersion: string): string[] {
  return Number(/^v?(\d+)/.exec(nodeVersion)?.[1]) < 22
    ? [`  Note        Node ${nodeVersion} gets no security fixes any more; Node 22 or 24 does`]
    : [];
}

function example(model: string | undefined): string {
  const name = (model ?? "MODEL").replace(/:latest$/, "");
  return `{"model":"${name}","messages":[{"role":"user","content":"Hello!"}]}`;
}
