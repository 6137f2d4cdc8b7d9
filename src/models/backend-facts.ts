import { asObject, asText, isObject, type JsonObject } from "../openai/json.ts";
import { abilitiesOfTemplate, type Abilities } from "./abilities.ts";
import {
  readMetadata,
  readModelList,
  saidAbilities,
  type ModelEntry,
  type ModelMetadata,
} from "./model-entry.ts";

/** For all questions together. */
const patience = 3_000;
/** Questions about one model each that are asked at once. */
const parallel = 4;

/**
 * Fetches a JSON document, by POST where there is a body.
 * @param path below the base URL, or after `origin:` below the server itself
 * @throws where there is none
 */
export type Ask = (path: string, body?: unknown) => Promise<unknown>;

/** What an answer tells of a model by its id. */
type Finding = (id: string) => ModelMetadata | undefined;

interface Route {
  readonly path: string;
  /** Nothing for an answer of another shape: some servers say 200 to any route. */
  readonly read: (body: unknown) => Finding | undefined;
}

/** By dialect. Each row is a question, to be asked on the first of its routes that answers it. */
const questions: ReadonlyMap<string, readonly (readonly Route[])[]> = new Map([
  ["llamacpp", [[{ path: "origin:/props", read: ofItsModel(readProps) }]]],
  [
    "lmstudio",
    [
      [
        { path: "origin:/api/v1/models", read: ofList },
        { path: "origin:/api/v0/models", read: ofList },
      ],
    ],
  ],
  ["ollama", [[{ path: "origin:/api/tags", read: ofList }]]],
  [
    "koboldcpp",
    [
      [{ path: "origin:/api/extra/true_max_context_length", read: ofItsModel(readLength) }],
      [{ path: "origin:/api/extra/version", read: ofItsModel(readMetadata) }],
    ],
  ],
  ["tabbyapi", [[{ path: "/model", read: (body) => ofList([body]) }]]],
  ["tgi", [[{ path: "origin:/info", read: ofItsModel(readInfo) }]]],
  ["sglang", [[{ path: "origin:/get_model_info", read: ofItsModel(readModelInfo) }]]],
]);

/**
 * Asks a backend's other routes what its list does not tell. A route that is missing, late or odd is
 * no news.
 */
export async function enrich(
  entries: readonly ModelEntry[],
  dialect: string,
  ask: Ask,
): Promise<readonly ModelEntry[]> {
  const asked = questions.get(dialect);
  if (asked === undefined || entries.length === 0) return entries;
  const askInTime = inTime(ask);
  const findings = await Promise.all(asked.map((routes) => firstFinding(routes, askInTime)));
  const enriched = entries.map((entry) =>
    findings.reduce((known, finding) => withMore(known, finding?.(entry.id)), entry),
  );
  if (dialect !== "ollama") return enriched;
  return inTurns(enriched, (entry) => withShown(entry, askInTime));
}

function inTime(ask: Ask): Ask {
  const deadline = AbortSignal.timeout(patience);
  const late = new Promise<never>((_, reject) => {
    deadline.addEventListener("abort", () => reject(new Error("too late")), { once: true });
  });
  late.catch(() => {});
  return async (path, body) => {
    deadline.throwIfAborted();
    return Promise.race([ask(path, body), late]);
  };
}

async function firstFinding(routes: readonly Route[], ask: Ask): Promise<Finding | undefined> {
  for (const { path, read } of routes) {
    const finding = read(await answerOf(ask, path));
    if (finding !== undefined) return finding;
  }
  return undefined;
}

async function answerOf(ask: Ask, path: string, body?: unknown): Promise<unknown> {
  try {
    return await ask(path, body);
  } catch {
    return undefined;
  }
}

function withMore(entry: ModelEntry, more: ModelMetadata | undefined): ModelEntry {
  if (more === undefined) return entry;
  return { ...entry, ...more, ...saidAbilities({ ...entry.abilities, ...more.abilities }) };
}

async function inTurns<Item>(
  items: readonly Item[],
  improve: (item: Item) => Promise<Item>,
): Promise<readonly Item[]> {
  const improved = [...items];
  const waiting = items.entries();
  const work = async () => {
    for (const [index, item] of waiting) improved[index] = await improve(item);
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return improved;
}

/** Of a list of models in any shape that `readModelList` knows. */
function ofList(body: unknown): Finding | undefined {
  const told = new Map(readModelList(body).map((model) => [model.id, model]));
  return told.size === 0 ? undefined : (id) => told.get(id);
}

/** Of the one model that a server has, whatever it is called. */
function ofItsModel(read: (body: JsonObject) => ModelMetadata): Route["read"] {
  return (body) => {
    if (!isObject(body)) return undefined;
    const metadata = read(body);
    return () => metadata;
  };
}

/** llama.cpp: the length is that of one slot, so of one conversation. */
function readProps(props: JsonObject): ModelMetadata {
  const { n_ctx } = asObject(props["default_generation_settings"]) ?? {};
  const metadata = readMetadata({
    meta: { n_ctx, ftype: props["model_ftype"] },
    root: props["model_path"],
    capabilities: props["modalities"],
  });
  const template = asText(props["chat_template"]);
  const abilities = {
    ...metadata.abilities,
    ...(template === undefined ? {} : abilitiesOfTemplate(template)),
    ...abilitiesOfCaps(asObject(props["chat_template_caps"])),
  };
  return { ...metadata, ...saidAbilities(abilities) };
}

/** What llama.cpp found by trying the template out; of thinking it knows only signs. */
function abilitiesOfCaps(caps: JsonObject | undefined): Abilities {
  const tools = caps?.["supports_tools"] ?? caps?.["supports_tool_calls"];
  const signs = ["supports_preserve_reasoning", "supports_reasoning_effort"];
  const thinks = signs.some((sign) => caps?.[sign] === true);
  return {
    ...(typeof tools === "boolean" ? { tools } : {}),
    ...(thinks ? { thinking: true } : {}),
  };
}

/** KoboldCpp */
function readLength({ value }: JsonObject): ModelMetadata {
  return readMetadata({ context_length: value });
}

/** TGI */
function readInfo({ max_total_tokens, model_id }: JsonObject): ModelMetadata {
  return readMetadata({ context_length: max_total_tokens, root: model_id });
}

/** SGLang */
function readModelInfo(body: JsonObject): ModelMetadata {
  return readMetadata({ ...body, root: body["model_path"] });
}

/** Older Ollama tells only here what a model can do. */
async function withShown(entry: ModelEntry, ask: Ask): Promise<ModelEntry> {
  if (entry.abilities !== undefined) return entry;
  const shown = await answerOf(ask, "origin:/api/show", { model: entry.id });
  if (!isObject(shown)) return entry;
  const info = asObject(shown["model_info"]);
  const architecture = asText(info?.["general.architecture"]) ?? "";
  const metadata = readMetadata({
    ...shown,
    context_length: info?.[`${architecture}.context_length`],
    embedding_length: info?.[`${architecture}.embedding_length`],
    meta: { n_params: info?.["general.parameter_count"] },
  });
  return withMore(entry, metadata);
}
