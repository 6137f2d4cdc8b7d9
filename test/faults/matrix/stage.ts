import type { ConfigFile } from "../../../src/config/schema.ts";
import { startProxy, type StartedProxy } from "../../support/start-proxy.ts";
import { healthy, type Backend } from "./backends.ts";
import { CANARY } from "./backend-scripts.ts";
import { Client } from "./client.ts";

/** A proxy, the backends behind it, and a client in front of it: made for one play, then taken down. */
export interface Stage {
  readonly proxy: StartedProxy;
  /** Port of its admin listener. */
  readonly adminPort: number;
  readonly a: Backend;
  /** The good one, where there are two. */
  readonly b: Backend | undefined;
  readonly client: Client;
  close(): Promise<void>;
}

export interface StageOptions {
  readonly a: Backend;
  readonly hasOther?: boolean;
  /** The backends are asked for their models. */
  readonly lists?: boolean;
  readonly config?: ConfigFile;
  /** Settings of backend `a` alone. */
  readonly upstream?: Partial<NonNullable<ConfigFile["upstreams"]>[number]>;
}

/** Time enough for a busy machine where nothing is to be waited for. */
const patient = { connect: 5, first_byte: 20, idle: 20, idle_data: 20, after_finish: 0.1 };

export async function setStage({
  a,
  hasOther = false,
  lists = false,
  config = {},
  upstream = {},
}: StageOptions): Promise<Stage> {
  const b = hasOther ? await healthy() : undefined;
  const proxy = await startProxy({
    config: {
      upstreams: [
        { ...described("a", a, lists), ...upstream },
        ...(b ? [described("b", b, lists)] : []),
      ],
      admin: { listen: "127.0.0.1:0" },
      health: { interval: 0 },
      overload: { heap: 0, event_loop_delay: 0 },
      ...config,
      timeouts: { ...patient, ...config.timeouts },
      // One failure opens a circuit, so that every failure that counts is seen.
      circuit: { failures: 1, open: 60, ...config.circuit },
    },
  });
  const client = new Client(proxy.port);
  const serving = proxy.logs.find(({ msg }) => msg === "serving metrics and state");
  return {
    proxy,
    adminPort: Number(serving?.["port"]),
    a,
    b,
    client,
    close: async () => {
      client.close();
      await proxy.close();
      await Promise.all([a.close(), b?.close()]);
    },
  };
}

/** Unless it has to tell its models itself, it is asked for nothing but answers. */
function described(id: "a" | "b", { baseUrl, caFile }: Backend, lists: boolean) {
  return {
    id,
    base_url: baseUrl,
    api_key: `${CANARY}-${id}`,
    ...(lists ? {} : { models: ["m"] }),
    dialect: "generic-local" as const,
    ...(caFile === undefined ? {} : { ca_file: caFile }),
  };
}
