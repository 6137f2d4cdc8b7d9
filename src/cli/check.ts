import { request } from "undici";
import { z } from "zod";
import { adminAddress } from "../config/listen-address.ts";
import type { Config } from "../config/schema.ts";
import { checkBackend, type CheckedRequestOptions } from "./check-backend.ts";
import { checkReport, isWell, type RunningProxy } from "./check-report.ts";
import { configure, type ConfigurationOptions } from "./configuration.ts";
import type { Terminal } from "./serve.ts";

export interface CheckOptions extends ConfigurationOptions, CheckedRequestOptions {}

const runningTimeout = 2_000;

/**
 * Prints how every backend is talked to and what it refuses. The exit code is 0 when all is well.
 * @throws ConfigError in words for the user
 */
export async function check(options: CheckOptions, terminal: Terminal): Promise<void> {
  const { config, demo } = await configure(options, terminal.environment);
  try {
    const running = await runningProxy(config);
    const backends = await Promise.all(
      config.upstreams.map((upstream) => checkBackend(config, upstream, options, terminal.stderr)),
    );
    const { model } = options;
    const isUnknown = model !== undefined && backends.every(({ card }) => card === undefined);
    terminal.stdout.write(
      checkReport({ backends, running, ...(isUnknown ? { unknownModel: model } : {}) }),
    );
    terminal.exit(!isUnknown && backends.every(isWell) ? 0 : 1);
  } finally {
    await demo?.close();
  }
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
