import { request } from "undici";
import { z } from "zod";
import { adminAddress } from "../config/listen-address.ts";
import type { Config } from "../config/schema.ts";
import { checkBackend } from "./check-backend.ts";
import { checkJson } from "./check-json.ts";
import { checkReport, isAllWell, type CheckFacts, type RunningProxy } from "./check-report.ts";
import type { RequestOptions } from "./check-requests.ts";
import { checkRoutes } from "./check-routes.ts";
import { configure, type ConfigurationOptions } from "./configuration.ts";
import type { Terminal } from "./serve.ts";

export interface CheckOptions extends ConfigurationOptions, RequestOptions {
  /** For scripts. */
  readonly json?: boolean;
}

const runningTimeout = 2_000;

/**
 * Prints what every backend is, can do and refuses. The exit code is 0 when all is well.
 * @throws ConfigError in words for the user
 */
export async function check(options: CheckOptions, terminal: Terminal): Promise<void> {
  const { config, demo } = await configure(options, terminal.environment);
  try {
    if (terminal.stderr.isTTY === true) terminal.stderr.write("Looking at the backends …\n");
    const facts = await lookAtAll(config, options, terminal.stderr);
    terminal.stdout.write(options.json === true ? checkJson(facts) : checkReport(facts));
    terminal.exit(isAllWell(facts) ? 0 : 1);
  } finally {
    await demo?.close();
  }
}

async function lookAtAll(
  config: Config,
  options: RequestOptions,
  output: NodeJS.WritableStream,
): Promise<CheckFacts> {
  const running = await runningProxy(config);
  const backends = await Promise.all(
    config.upstreams.map((upstream) => checkBackend(config, upstream, options, output)),
  );
  const { model } = options;
  const isUnknown = model !== undefined && backends.every(({ card }) => card === undefined);
  return {
    backends,
    routes: checkRoutes(config, backends),
    running,
    ...(isUnknown ? { unknownModel: model } : {}),
  };
}

/** What is read of `GET /state`. */
const stateSchema = z.object({
  upstreams: z.array(
    z.object({
      id: z.string(),
      lessons: z.array(z.object({ model: z.string(), what: z.array(z.string()) })),
    }),
  ),
});

/** What the proxy that serves on this machine has learned, where it can be asked. */
async function runningProxy(config: Config): Promise<RunningProxy | undefined> {
  const address = adminAddress(config);
  if (address === undefined) return undefined;
  const { host, port } = address;
  const shownHost = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const shown = `${shownHost.includes(":") ? `[${shownHost}]` : shownHost}:${port}`;
  try {
    const { body } = await request(`http://${shown}/state`, {
      signal: AbortSignal.timeout(runningTimeout),
    });
    return { address: shown, ...stateSchema.parse(await body.json()) };
  } catch {
    return { address: shown, upstreams: undefined };
  }
}
