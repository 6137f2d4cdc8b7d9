import { asArray, asObject, isObject } from "../openai/json.ts";
import { readModelList, type ModelEntry } from "./model-entry.ts";

/** The models of a real Ollama, each with what is to be shown of it as it is. */
export function readOllamaList(list: unknown): ModelEntry[] {
  const models = asArray(asObject(list)?.["models"]).filter(isObject);
  return models.flatMap((listed) => readModelList([listed]).map((entry) => ({ ...entry, listed })));
}
