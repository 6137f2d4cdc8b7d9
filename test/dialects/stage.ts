import { startProxy } from "../support/start-proxy.ts";
import type { ConfigFile } from "../../src/config/schema.ts";
import { exchange } from "./exchange.ts";
import type { Feature } from "./features/feature.ts";
import { startPlayer } from "./players/player.ts";
import { backends, type BackendName } from "./players/players.ts";
import type { Backend } from "./players/backend.ts";
import { judge, type Judgement } from "./verdict.ts";

/** What became of a feature, and what the backend refused on the way. */
export interface Performance {
  readonly judgement: Judgement;
  readonly refusals: readonly string[];
}

export interface Stage {
  perform(feature: Feature): Promise<Performance>;
  close(): Promise<void>;
}

type UpstreamFile = NonNullable<ConfigFile["upstreams"]>[number];

/** The proxy in front of a player, with what its configuration says of it. */
export async function openStage(
  name: BackendName,
  settings: Pick<UpstreamFile, "dialect" | "overrides">,
): Promise<Stage> {
  const backend: Backend = backends[name];
  const player = await startPlayer(backend);
  const upstream = {
    id: "a",
    base_url: player.baseUrl,
    api_key: "sk-CANARY-upstream",
    ...settings,
    ...(backend.list === null ? { models: [backend.model] } : {}),
  };
  const proxy = await startProxy({ config: { upstreams: [upstream] } });
  const place = { backend, player, port: proxy.port };
  return {
    perform: async (feature) => {
      const { path, body, after } = feature;
      const earlier = after && (await exchange(place, path, after.body));
      const completed = { ...body, ...after?.completes(earlier?.client.last ?? {}) };
      const made = await exchange(place, path, completed);
      return {
        judgement: judge(feature, made),
        refusals: made.sent.flatMap(({ refused }) => refused ?? []),
      };
    },
    close: async () => {
      await proxy.close();
      await player.close();
    },
  };
}
