import { randomBytes } from "node:crypto";
import { request } from "undici";
import { createApp, type App } from "../app.ts";
import type { Config, UpstreamConfig } from "../config/schema.ts";
import { upstreamStates, type UpstreamState } from "../handlers/admin.ts";
import { Cards } from "../models/cards.ts";
import type { Explanation } from "../models/explanation.ts";
import type { LibraryModel } from "../models/library.ts";
import { createLogger } from "../observe/logger.ts";
import { asObject, asText } from "../openai/json.ts";
import type { OptionName } from "../ollama/options.ts";

/** What one backend turned out to be. */
export interface CheckedBackend {
  /** Host and port. */
  readonly address: string;
  /** Its list of models was not asked for, as the configuration has one. */
  readonly listConfigured: boolean;
  readonly state: UpstreamState;
  readonly request?: CheckedRequest;
  /** What is known of the model that was named, and who says so. */
  readonly card?: readonly Explanation[];
}

interface CheckedRequest {
  /** As the backend knows it. */
  readonly model: string;
  /** Of the last try. */
  readonly milliseconds: number;
  /** Why there is no answer. */
  readonly problem?: string;
  /** What the backend can't be told. */
  readonly ignored: readonly string[];
}

export interface CheckedRequestOptions {
  /** Whether a model may be asked, which costs a token. */
  readonly request: boolean;
  /** Else the first model that seems made for chats. */
  readonly model?: string;
}

/** Milliseconds a backend may be silent; a server's own limit is long enough to load a model. */
const patience = 60_000;
/** A request learns a few things at most, and what it learned holds for the next. */
const maxTries = 5;

/**
 * Looks at one backend through a proxy of its own, so that what is seen is what the proxy does: how
 * it knows the dialect, what it learns from refusals, what it leaves out.
 */
export async function checkBackend(
  config: Config,
  upstream: UpstreamConfig,
  options: CheckedRequestOptions,
  output: NodeJS.WritableStream,
): Promise<CheckedBackend> {
  // Else whoever finds the port could use the backend meanwhile, with its owner's key.
  const key = randomBytes(32).toString("hex");
  const alone: Config = {
    ...config,
    upstreams: [upstream],
    listen: "127.0.0.1:0",
    api_key: key,
    path_prefix: "",
    admin: {},
    strict: false,
    timeouts: {
      ...config.timeouts,
      first_byte: Math.min(config.timeouts.first_byte, patience),
    },
  };
  const app = await createApp(alone, createLogger({ level: "silent", text: false, output }));
  const port = await app.listen();
  try {
    const cards = new Cards(alone, new Date());
    const named = options.model === undefined ? undefined : await app.library.find(options.model);
    const model = options.model === undefined ? await firstChatModel(app, cards) : named;
    const isAsked = options.request && model !== undefined;
    const asked = isAsked ? await ask(app, model, { port, key }) : undefined;
    return {
      address: new URL(upstream.base_url).host,
      listConfigured: upstream.models !== undefined,
      state: stateOf(app),
      ...(asked === undefined ? {} : { request: asked }),
      ...(named === undefined ? {} : { card: cards.explain(named) }),
    };
  } finally {
    await app.drain(true);
  }
}

function stateOf(app: App): UpstreamState {
  const [state] = upstreamStates(app.catalog);
  if (state === undefined) throw new Error("a proxy without a backend");
  return state;
}

/** Lists name more than chat models, and most don't say which is which. */
const otherKinds =
  /embed|rerank|moderation|whisper|transcribe|tts|dall-e|image|sora|realtime|davinci|babbage/i;

async function firstChatModel(app: App, cards: Cards): Promise<LibraryModel | undefined> {
  const chats = (model: LibraryModel) => {
    const { capabilities, capabilitiesKnown } = cards.facts(model);
    return capabilitiesKnown
      ? capabilities.includes("completion")
      : !otherKinds.test(model.entry.id);
  };
  return (await app.catalog.list()).find(chats);
}

/** A value for every option, none of them a default: some backends refuse only what differs. */
const everyOption: { readonly [Name in OptionName]: unknown } = {
  num_keep: 1,
  seed: 1,
  num_predict: 1,
  top_k: 30,
  top_p: 0.8,
  min_p: 0.02,
  typical_p: 0.9,
  repeat_last_n: 32,
  temperature: 0.5,
  repeat_penalty: 1.05,
  presence_penalty: 0.1,
  frequency_penalty: 0.1,
  stop: ["###"],
  num_ctx: 2048,
  num_batch: 256,
  num_gpu: 1,
  main_gpu: 0,
  num_thread: 2,
  draft_num_predict: 2,
  use_mmap: true,
};

/** Asks for one token. A refusal costs none, so a request that taught something is made again. */
async function ask(
  app: App,
  model: LibraryModel,
  { port, key }: { readonly port: number; readonly key: string },
): Promise<CheckedRequest> {
  const lessons = () => stateOf(app).lessons.flatMap(({ what }) => what).length;
  for (let left = maxTries; ; left -= 1) {
    const before = lessons();
    const start = performance.now();
    const { statusCode, headers, body } = await request(`http://127.0.0.1:${port}/api/chat`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}` },
      // The proxy in between has all the limits of time that are needed.
      headersTimeout: 0,
      bodyTimeout: 0,
      body: JSON.stringify({
        model: model.name,
        messages: [{ role: "user", content: "Say hello." }],
        stream: false,
        logprobs: true,
        top_logprobs: 1,
        options: everyOption,
      }),
    });
    const error = asText(asObject(await body.json())?.["error"]);
    if (statusCode !== 200 && left > 1 && lessons() > before) continue;
    return {
      model: model.entry.id,
      milliseconds: performance.now() - start,
      ...(statusCode === 200 ? {} : { problem: error ?? `status ${statusCode}` }),
      ignored: headers["x-proxy-ignored"]?.toString().split(", ") ?? [],
    };
  }
}
