import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";
import { switchedThinking, templateVariables } from "./thinking.ts";

/** Refuses unknown fields and empty texts; its asymmetric embedding models need to be told what a text is. */
export const nim: Dialect = {
  ...generic,
  id: "nim",
  json: ["json_schema", "prompt"],
  schema: ["json_schema", "prompt"],
  think: switchedThinking((on) => templateVariables(["enable_thinking", "thinking"], on)),
  empty_content: false,
  audio: false,
  insert: { path: "/completions", shape: "tokens" },
  embeddings: { batch: 50, dimensions: null, fields: { input_type: "passage" } },
};
