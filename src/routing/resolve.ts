import type { Dialect } from "../dialects/dialect.ts";
import { invalidRequest, modelNotFound } from "../errors.ts";
import type { Cards, ModelFacts } from "../models/cards.ts";
import type { Library, LibraryModel } from "../models/library.ts";
import type { Use } from "../upstream/lessons.ts";
import { isValidModelName } from "../ollama/model-name.ts";

/** Where a request goes: the model, its backend, and what is known of it. */
export interface Target {
  readonly model: LibraryModel;
  readonly facts: ModelFacts;
}

/**
 * Finds the model that a client names. The library is asked before the grammar, since a backend's
 * ids may hold characters that Ollama's names may not.
 * @param missing the name to tell when there is none; some routes add the tag
 * @throws ProxyError 404 `model 'x' not found`, or 400 `invalid model name`
 */
export async function resolveTarget(
  library: Library,
  cards: Cards,
  name: string,
  missing = name,
): Promise<Target> {
  const model = name === "" ? undefined : await library.find(name);
  if (model !== undefined) return { model, facts: cards.facts(model) };
  if (name === "" || isValidModelName(name.trim())) throw modelNotFound(missing);
  throw invalidRequest("invalid model name");
}

/** How the target is talked to now; refusals change it. */
export function dialectOf({ model, facts }: Target, use: Use): Dialect {
  return model.upstream.dialectOf(model.entry.id, use, facts.configured);
}
