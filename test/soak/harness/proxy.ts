import { serve, type Served } from "../../lifecycle/process.ts";

export interface ProxyProcessOptions {
  /** Where it listens; a port of the system's choice when absent. */
  readonly port?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The built proxy as a process of its own; it ends with the test. */
export function startProxyProcess(
  config: object,
  { port = 0, environment = {} }: ProxyProcessOptions = {},
): Promise<Served> {
  const all = { log: { level: "warn", format: "json" }, ...config };
  return serve({
    // JSON is YAML.
    files: { "ollama-openai-proxy.yaml": JSON.stringify(all) },
    environment: { ...environment, OLLAMA_HOST: `127.0.0.1:${port}` },
  });
}

/** Milliseconds until its process has ended, and its exit code. */
export async function endOf({ exit }: Served): Promise<{ code: number | null; after: number }> {
  const start = performance.now();
  const code = await exit;
  return { code, after: performance.now() - start };
}
