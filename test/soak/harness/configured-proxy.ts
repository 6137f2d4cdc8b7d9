import type { ConfigFile } from "../../../src/config/schema.ts";
import { findFreePort } from "../../interop/support/child-process.ts";
import { serve } from "../../lifecycle/process.ts";

export interface ConfiguredProxy {
  readonly url: string;
  readonly port: number;
  /** Log lines so far: warnings and worse. */
  logs(): Record<string, unknown>[];
  /** The sum of a metric's samples, of those with these labels; 0 where there is none. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

/** The built proxy as a process of its own, with this configuration; it ends with the test. */
export async function startConfiguredProxy(
  config: ConfigFile,
  environment: Readonly<Record<string, string>> = {},
): Promise<ConfiguredProxy> {
  const admin = `127.0.0.1:${await findFreePort()}`;
  const settings: ConfigFile = {
    admin: { listen: admin },
    log: { level: "warn", format: "json" },
    ...config,
  };
  const served = await serve({
    environment,
    // JSON is YAML too.
    files: { "ollama-openai-proxy.yaml": JSON.stringify(settings) },
  });
  return {
    url: served.url,
    port: Number(new URL(served.url).port),
    logs: () =>
      served
        .stderr()
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    metric: (name, labels) => metricsAt(admin, name, labels),
  };
}

/**
 * The same of a proxy whose admin port is here. Prometheus' own format has one sample a line:
 * `name{label="value",…} number`.
 */
export async function metricsAt(
  admin: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const answer = await fetch(`http://${admin}/metrics`);
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return (await answer.text())
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
