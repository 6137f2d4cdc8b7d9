import type { Dialect, ThinkValue } from "../dialects/dialect.ts";
import type { Think } from "../ollama/requests.ts";
import type { Lowered } from "./backend.ts";

/** `think` by the dialect's table; absent leaves it to the model. */
export function lowerThink(think: Think | undefined, dialect: Dialect): Lowered {
  if (think === undefined) return { fields: {}, ignored: [] };
  const fields = dialect.think[String(think) as ThinkValue];
  return fields === undefined ? { fields: {}, ignored: ["think"] } : { fields, ignored: [] };
}
