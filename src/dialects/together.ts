import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";
import { eachLevel } from "./thinking.ts";

/** Its older models take a schema only beside `json_object`; `logprobs` is a number. */
export const together: Dialect = {
  ...generic,
  id: "together",
  options: {
    ...generic.options,
    top_k: ["top_k"],
    min_p: ["min_p"],
    repeat_penalty: ["repetition_penalty"],
  },
  schema: ["json_schema", "json_object_schema", "prompt"],
  think: {
    true: { reasoning: { enabled: true } },
    false: { reasoning: { enabled: false } },
    ...eachLevel((level) => ({ reasoning_effort: level === "max" ? "high" : level })),
  },
  insert: { path: "/completions", shape: "tokens" },
  logprobs: "integer",
};
