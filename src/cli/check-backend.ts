import type { App } from "../app.ts";
import type { Config, UpstreamConfig } from "../config/schema.ts";
import { upstreamStates, type UpstreamState } from "../handlers/admin.ts";
import { keyUse, keyVerdicts, type KeyVerdict, type Look } from "./check-keys.ts";
import { startLoneProxy, type LoneProxy } from "./check-proxy.ts";
import { askModels, type CheckedRequests, type RequestOptions } from "./check-requests.ts";

/** What one backend turned out to be. */
export interface CheckedBackend extends CheckedRequests {
  /** Host and port. */
  readonly address: string;
  readonly state: Pick<
    UpstreamState,
    "id" | "dialect" | "because" | "models" | "reachable" | "problem" | "lessons"
  >;
  /** Its list of models was not asked for, as the configuration has one. */
  readonly listConfigured: boolean;
  /** Milliseconds to get that list. */
  readonly latency?: number;
  /** By place in the configuration; a single one where there is no key. */
  readonly keys: readonly KeyVerdict[];
  /** The models it serves, for routes to be checked against. */
  readonly served: readonly ServedModel[];
}

export interface ServedModel {
  /** The backend's. */
  readonly id: string;
  /** The clients'. */
  readonly name: string;
}

/** Milliseconds. */
const lookTimeout = 5_000;

/**
 * Looks at one backend through proxies of its own, so that what is seen is what a user gets: how the
 * dialect is known, what is learned from refusals, what is left out, and what each feature comes to.
 */
export async function checkBackend(
  config: Config,
  upstream: UpstreamConfig,
  options: RequestOptions,
  output: NodeJS.WritableStream,
): Promise<CheckedBackend> {
  const open: OpenProxy = (key) => startLoneProxy(config, withKey(upstream, key), output);
  const secrets = upstream.auth === "none" ? [] : (upstream.api_key ?? []);
  const looks = await lookWithEach(secrets, upstream, open);
  const used = Math.max(looks.indexOf("listed"), 0);
  const proxy = await open(secrets[used]);
  try {
    const look = await lookThrough(proxy, upstream);
    const isGuarded =
      look === "listed" &&
      secrets.length > 0 &&
      (await lookOnce(undefined, upstream, open)) === "rejected";
    const latency = look === "listed" ? await timeOfLook(proxy.app) : undefined;
    const asked = await askModels(proxy, config, upstream, options);
    const keys = keyVerdicts({
      looks: looks.length > 0 ? looks : [look],
      isListGuarded: isGuarded,
      used,
      use: keyUse(asked.findings.chat),
      hasKeys: secrets.length > 0,
    });
    return {
      address: new URL(upstream.base_url).host,
      listConfigured: upstream.models !== undefined,
      state: stateOf(proxy.app),
      keys,
      served: await servedBy(proxy.app),
      ...(latency === undefined ? {} : { latency }),
      ...asked,
    };
  } finally {
    await proxy.close();
  }
}

/** With this one of its keys, or with none. */
type OpenProxy = (key: string | undefined) => Promise<LoneProxy>;

function withKey(upstream: UpstreamConfig, key: string | undefined): UpstreamConfig {
  const { api_key: _, ...rest } = upstream;
  return key === undefined ? rest : { ...rest, api_key: [key] };
}

/** A single key needs no look of its own. */
async function lookWithEach(
  secrets: readonly string[],
  upstream: UpstreamConfig,
  open: OpenProxy,
): Promise<Look[]> {
  if (upstream.models !== undefined) return secrets.map(() => "not asked");
  const looks: Look[] = [];
  for (const secret of secrets.length > 1 ? secrets : []) {
    // One that can't be reached can't be reached with the next key either.
    const isGone = looks.at(-1) === "failed";
    looks.push(isGone ? "failed" : await lookOnce(secret, upstream, open));
  }
  return looks;
}

async function lookOnce(
  key: string | undefined,
  upstream: UpstreamConfig,
  open: OpenProxy,
): Promise<Look> {
  const proxy = await open(key);
  try {
    return await lookThrough(proxy, upstream);
  } finally {
    await proxy.close();
  }
}

async function lookThrough({ app }: LoneProxy, upstream: UpstreamConfig): Promise<Look> {
  await app.catalog.list();
  if (upstream.models !== undefined) return "not asked";
  const problem = app.catalog.lists[0]?.problem;
  if (problem === undefined) return "listed";
  return problem.code === "upstream_unauthorized" ? "rejected" : "failed";
}

/** On a connection that is there already. */
async function timeOfLook(app: App): Promise<number | undefined> {
  const start = performance.now();
  try {
    await app.catalog.lists[0]?.upstream.look(lookTimeout);
    return performance.now() - start;
  } catch {
    return undefined;
  }
}

function stateOf(app: App): UpstreamState {
  const [state] = upstreamStates(app.catalog);
  if (state === undefined) throw new Error("a proxy without a backend");
  return state;
}

async function servedBy({ catalog }: App): Promise<ServedModel[]> {
  const models = await catalog.list();
  return models.map(({ name, entry }) => ({ id: entry.id, name }));
}
