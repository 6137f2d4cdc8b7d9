import { createApp } from "../../src/app.ts";
import { configSchema, type ConfigFile } from "../../src/config/schema.ts";
import { createLogger } from "../../src/observe/logger.ts";
import { Writable } from "node:stream";
import { tapContract } from "./contract-tap.ts";

export interface StartedProxy {
  readonly url: string;
  readonly port: number;
  /** Every log line so far. */
  readonly logs: Record<string, unknown>[];
  /** As SIGHUP does. @returns the settings that only a restart would change */
  readonly reload: (config: ConfigFile) => Promise<readonly string[]>;
  /** As SIGTERM does. */
  drain(immediately?: boolean): Promise<void>;
  /** Ends what runs, and stops. @throws when any answer of `/api` broke the contract. */
  close(): Promise<void>;
}

export interface StartProxyOptions {
  /** Base URL of the one backend, which gets the id `a`. */
  readonly upstreamUrl?: string;
  readonly config?: ConfigFile;
}

/** The whole proxy in this process, on a port of the system's choice. */
export async function startProxy({
  upstreamUrl,
  config = {},
}: StartProxyOptions): Promise<StartedProxy> {
  const logs: Record<string, unknown>[] = [];
  const output = new Writable({
    write(chunk: Buffer, _, done) {
      for (const line of chunk.toString().split("\n")) {
        if (line !== "") logs.push(JSON.parse(line) as Record<string, unknown>);
      }
      done();
    },
  });
  const upstreams =
    upstreamUrl === undefined
      ? []
      : [{ id: "a", base_url: upstreamUrl, api_key: "sk-CANARY-upstream" }];
  const parse = (settings: ConfigFile) =>
    configSchema.parse({
      listen: "127.0.0.1:0",
      upstreams,
      ...settings,
      // Tests play one failure after the other; what becomes of the backend is for those about that.
      circuit: { failures: 1_000_000, ...settings.circuit },
      failover: { max_rest: 0, ...settings.failover },
      shutdown: { drain_delay: 0, ...settings.shutdown },
    });
  const app = await createApp(parse(config), createLogger({ level: "debug", text: false, output }));
  const port = await app.listen();
  const tap = tapContract(port);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    logs,
    reload: (settings) => app.reload(parse(settings)),
    drain: (immediately) => app.drain(immediately),
    close: async () => {
      app.interrupt();
      await app.drain(true);
      tap.stop();
      if (tap.violations.length > 0) throw new Error(tap.violations.join("\n\n"));
    },
  };
}
