import type { Config, UpstreamConfig } from "../config/schema.ts";
import { upstreamStates } from "../handlers/admin.ts";
import { Cards } from "../models/cards.ts";
import type { Explanation } from "../models/explanation.ts";
import type { LibraryModel } from "../models/library.ts";
import type { OptionName } from "../ollama/options.ts";
import { sum, type Cost } from "./check-cost.ts";
import {
  chatProbe,
  chatProbes,
  embeddingProbe,
  judge,
  judgeChat,
  judgeStreaming,
  untried,
  type Finding,
  type Findings,
  type ProbeName,
} from "./check-probes.ts";
import type { Answer, LoneProxy } from "./check-proxy.ts";

export interface RequestOptions {
  /** Whether a model may be asked, which costs tokens. */
  readonly request: boolean;
  /** Else the first model that seems made for chats. */
  readonly model?: string;
}

/** What came of asking a backend's models. */
export interface CheckedRequests {
  /** As the backend knows it; undefined where no model was asked. */
  readonly model?: string;
  readonly embeddingModel?: string;
  readonly findings: Findings;
  /** Milliseconds until the first word of a stream. */
  readonly firstToken?: number;
  /** What the backend can't be told. */
  readonly ignored: readonly string[];
  /** Why a request with every option set failed. */
  readonly optionsProblem?: string;
  readonly cost: Cost;
  /** What is known of the model that was named, and who says so. */
  readonly card?: readonly Explanation[];
}

/** Milliseconds; the first answers may wait for a model to be loaded. */
const firstPatience = 60_000;
const patience = 30_000;
/** A request learns a few things at most, and what it learned holds for the next. */
const maxTries = 5;

interface Models {
  readonly chat?: LibraryModel | undefined;
  readonly embedding?: LibraryModel | undefined;
}

/** Asks for one feature after the other. */
export async function askModels(
  proxy: LoneProxy,
  config: Config,
  upstream: UpstreamConfig,
  options: RequestOptions,
): Promise<CheckedRequests> {
  const cards = new Cards(config, new Date());
  const { model } = options;
  const named = model === undefined ? undefined : await proxy.app.library.find(model);
  const card = named === undefined ? {} : { card: cards.explain(named) };
  const mayAsk = options.request && (model === undefined || named !== undefined);
  if (!mayAsk) return { ...unasked(), ...card };
  // Whoever asks brings the key, and here nobody does.
  if (upstream.auth === "client") return { ...unasked("each client brings its own key"), ...card };
  const listed = await proxy.app.catalog.list();
  const answers: Answer[] = [];
  const recording: LoneProxy = {
    ...proxy,
    ask: async (...question) => {
      const answer = await proxy.ask(...question);
      answers.push(answer);
      return answer;
    },
  };
  const { chat, embedding } = chooseModels(listed, named, cards);
  const chatted = chat === undefined ? unasked() : await askChatModel(recording, chat);
  const embedded = await askEmbeddingModel(recording, embedding, listed.length > 0);
  return {
    ...chatted,
    ...card,
    ...(embedding === undefined ? {} : { embeddingModel: embedding.entry.id }),
    findings: { ...chatted.findings, embeddings: embedded },
    cost: sum(answers.map(({ cost }) => cost)),
  };
}

function unasked(reason?: string): CheckedRequests {
  const chat: Finding = { result: "not tried", ...(reason === undefined ? {} : { reason }) };
  return { findings: { ...untried, chat }, ignored: [], cost: sum([]) };
}

/** Lists name more than chat models, and most don't say which is which. */
const otherKinds =
  /embed|rerank|moderation|whisper|transcribe|tts|dall-e|image|sora|realtime|davinci|babbage/i;

function chooseModels(
  listed: readonly LibraryModel[],
  named: LibraryModel | undefined,
  cards: Cards,
): Models {
  const chats = (model: LibraryModel) => {
    const { capabilities, capabilitiesKnown } = cards.facts(model);
    return capabilitiesKnown
      ? capabilities.includes("completion")
      : !otherKinds.test(model.entry.id);
  };
  const embeds = (model: LibraryModel) => cards.facts(model).capabilities.includes("embedding");
  if (named !== undefined && embeds(named) && !chats(named)) return { embedding: named };
  return { chat: named ?? listed.find(chats), embedding: listed.find(embeds) };
}

async function askChatModel(
  proxy: LoneProxy,
  { name, entry }: LibraryModel,
): Promise<CheckedRequests> {
  // First, so that what it teaches and the loading of the model don't count as time to the first word.
  const { ignored, error } = await askWithEveryOption(proxy, name);
  const streamed = await proxy.ask(
    chatProbe.path,
    { model: name, ...chatProbe.body },
    firstPatience,
  );
  const { firstToken } = streamed;
  const chat = judgeChat(streamed);
  const answers = chat.result === "yes";
  const others = answers ? await askOneByOne(proxy, name) : {};
  const streaming = answers ? judgeStreaming(streamed) : untried.streaming;
  return {
    model: entry.id,
    findings: { ...untried, ...others, chat, streaming },
    ignored,
    cost: streamed.cost,
    ...(firstToken === undefined ? {} : { firstToken }),
    ...(error !== undefined && answers ? { optionsProblem: error } : {}),
  };
}

async function askOneByOne(proxy: LoneProxy, model: string): Promise<Partial<Findings>> {
  const findings: Partial<Record<ProbeName, Finding>> = {};
  for (const name of Object.keys(chatProbes) as (keyof typeof chatProbes)[]) {
    const probe = chatProbes[name];
    findings[name] = judge(probe, await proxy.ask(probe.path, { model, ...probe.body }, patience));
  }
  return findings;
}

async function askEmbeddingModel(
  proxy: LoneProxy,
  model: LibraryModel | undefined,
  hasModels: boolean,
): Promise<Finding> {
  if (!hasModels) return untried.embeddings;
  if (model === undefined) return { result: "no", reason: "no model seems made for them" };
  const { path, body } = embeddingProbe;
  return judge(
    embeddingProbe,
    await proxy.ask(path, { model: model.name, ...body }, firstPatience),
  );
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
async function askWithEveryOption(proxy: LoneProxy, model: string): Promise<Answer> {
  const lessons = () =>
    upstreamStates(proxy.app.catalog).flatMap((state) => state.lessons.flatMap(({ what }) => what))
      .length;
  const body = {
    model,
    messages: [{ role: "user", content: "Say hello." }],
    stream: false,
    logprobs: true,
    top_logprobs: 1,
    options: everyOption,
  };
  for (let left = maxTries; ; left -= 1) {
    const before = lessons();
    const answer = await proxy.ask("/api/chat", body, firstPatience);
    if (answer.error === undefined || left === 1 || lessons() === before) return answer;
  }
}
