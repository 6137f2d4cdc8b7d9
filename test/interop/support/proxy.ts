import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../support/source-files.ts";
import { findFreePort, plainEnvironment, startServer, type Server } from "./child-process.ts";

export interface Proxy extends Server {
  /** `127.0.0.1:PORT`, as OLLAMA_HOST has it. */
  host: string;
}

/** The proxy as its users start it, in front of one backend named by the environment. */
export function startProxy(backendUrl: string): Promise<Proxy> {
  return serve({ OPENAI_BASE_URL: backendUrl }, () => []);
}

/** The proxy with a config file. JSON is YAML too. */
export function startConfiguredProxy(config: object): Promise<Proxy> {
  return serve({}, (folder) => {
    const file = join(folder, "config.yaml");
    writeFileSync(file, JSON.stringify(config));
    return ["--config", file];
  });
}

/** In a folder of its own, so that no file of the developer's is found or changed. */
async function serve(
  environment: Record<string, string>,
  optionsIn: (folder: string) => string[],
): Promise<Proxy> {
  const folder = mkdtempSync(join(tmpdir(), "interop-proxy-"));
  const host = `127.0.0.1:${await findFreePort()}`;
  const server = await startServer(
    process.execPath,
    [join(root, "dist/main.js"), "serve", ...optionsIn(folder)],
    `http://${host}/healthz`,
    {
      folder,
      environment: plainEnvironment({ HOME: folder, OLLAMA_HOST: host, ...environment }),
      // SIGTERM would leave a load balancer time to look elsewhere.
      stopSignal: "SIGINT",
    },
  );
  return {
    ...server,
    host,
    stop: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
