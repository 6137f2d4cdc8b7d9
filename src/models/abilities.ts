import { capabilities, isCapability, type Capability } from "../ollama/responses.ts";
import { asArray, asObject, asText, isObject, type JsonObject } from "../openai/json.ts";

/** What was said of a model: it can, it can't, and of what is absent nothing. */
export type Abilities = Readonly<Partial<Record<Capability, boolean>>>;

/** It can this and nothing else. */
export function only(able: readonly Capability[]): Abilities {
  const names = new Set([...able, ...capabilities]);
  return Object.fromEntries([...names].map((name) => [name, able.includes(name)]));
}

/** What one entry of a backend's list says of its model, in the words of any backend. */
export function readAbilities(entry: JsonObject): Abilities {
  const complete = completeStatement(entry);
  if (complete !== undefined) return complete;
  const said = {
    ...saidByType(entry),
    ...saidByWords(entry),
    ...saidByModalities(entry),
    ...saidByParameters(entry),
    ...saidByFlags(entry),
  };
  const chats = Object.values(said).includes(true);
  return { ...(chats ? { completion: true } : {}), ...said };
}

/** Ollama's own words, all of them, or a model that can only embed. */
function completeStatement(entry: JsonObject): Abilities | undefined {
  const words = asArray(entry["capabilities"]);
  if (words.length > 0 && words.every(isCapability)) return only(words);
  const isEmbedding =
    entry["type"] === "embedding" ||
    entry["type"] === "embeddings" ||
    entry["is_generation"] === false ||
    modalities(entry, "output")?.includes("embeddings") === true;
  return isEmbedding ? only(["embedding"]) : undefined;
}

const types: ReadonlyMap<unknown, Abilities> = new Map([
  ["chat", { completion: true }],
  ["language", { completion: true }],
  ["code", { completion: true }],
  ["llm", { completion: true }],
  ["vlm", { completion: true, vision: true }],
]);

function saidByType(entry: JsonObject): Abilities {
  const { type } = entry;
  // LM Studio's older list, where a model that sees is of another type.
  if (type === "llm" && entry["compatibility_type"] !== undefined) return { vision: false };
  return types.get(type) ?? {};
}

/** Of lists that don't say that they are complete. */
const words: ReadonlyMap<unknown, Capability> = new Map([
  ["tools", "tools"],
  ["tool_use", "tools"],
  ["tool-calling", "tools"],
  ["function-calling", "tools"],
  ["reasoning", "thinking"],
  ["thinking", "thinking"],
  ["vision", "vision"],
]);

function saidByWords(entry: JsonObject): Abilities {
  const known = asArray(entry["capabilities"]).flatMap((word) => words.get(word) ?? []);
  return Object.fromEntries(known.map((capability) => [capability, true]));
}

function saidByModalities(entry: JsonObject): Abilities {
  const inputs = modalities(entry, "input");
  return inputs === undefined
    ? {}
    : { vision: inputs.includes("image"), audio: inputs.includes("audio") };
}

function modalities(entry: JsonObject, way: "input" | "output"): readonly unknown[] | undefined {
  const name = `${way}_modalities`;
  const listed =
    asObject(entry["architecture"])?.[name] ?? entry[`supported_${name}`] ?? entry[name];
  const known = asArray(listed);
  return known.length > 0 ? known : undefined;
}

/** OpenRouter lists every parameter that a model takes. */
function saidByParameters(entry: JsonObject): Abilities {
  const taken = asArray(entry["supported_parameters"]);
  return taken.length === 0
    ? {}
    : { tools: taken.includes("tools"), thinking: taken.includes("reasoning") };
}

/** Members that are true or false, of the entry or of its `capabilities`. */
const flags: readonly (readonly [name: string, capability: Capability])[] = [
  // Mistral
  ["completion_chat", "completion"],
  ["function_calling", "tools"],
  ["completion_fim", "insert"],
  ["reasoning", "thinking"],
  // LM Studio, and Mistral, KoboldCpp, llama.cpp
  ["trained_for_tool_use", "tools"],
  ["vision", "vision"],
  ["audio", "audio"],
  // Anthropic
  ["thinking", "thinking"],
  ["image_input", "vision"],
  // Kimi
  ["supports_image_in", "vision"],
  ["supports_reasoning", "thinking"],
  // Fireworks
  ["supports_tools", "tools"],
  ["supports_image_input", "vision"],
  // SGLang
  ["has_image_understanding", "vision"],
  ["has_audio_understanding", "audio"],
];

function saidByFlags(entry: JsonObject): Abilities {
  const nested = asObject(entry["capabilities"]);
  const said = flags.flatMap(([name, capability]) => {
    const answer = yesOrNo(nested?.[name]) ?? yesOrNo(entry[name]);
    return answer === undefined ? [] : [[capability, answer] as const];
  });
  return Object.fromEntries(said);
}

/** Anthropic's `{supported}` is an answer; an object of settings, as LM Studio's, is a yes. */
function yesOrNo(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (!isObject(value)) return undefined;
  return typeof value["supported"] === "boolean" ? value["supported"] : true;
}

/** What a Jinja template for conversations has a place for. */
export function abilitiesOfTemplate(template: string): Abilities {
  return {
    tools: /\btools\b/.test(template),
    thinking: /<\/?think|enable_thinking|reasoning_(?:content|effort)|<\|channel/.test(template),
  };
}

export function isOfOtherKind(entry: JsonObject): boolean {
  const outputs = modalities(entry, "output");
  return (
    otherTypes.has(asText(entry["type"]) ?? "") ||
    (outputs !== undefined && !outputs.includes("text") && !outputs.includes("embeddings"))
  );
}

/** Kinds of models that no Ollama client can use. */
const otherTypes = new Set(["image", "moderation", "rerank", "tts", "transcription", "video"]);
