import { ApiError } from "./api-error.ts";

/** The members beyond OpenAI's own are some that other servers add, for a proxy to discover. */
const models = [
  {
    id: "demo",
    object: "model",
    created: 1_764_000_000,
    owned_by: "ollama-openai-proxy demo",
    capabilities: ["completion", "tools", "thinking", "vision"],
    context_length: 8192,
  },
  {
    id: "demo-embed",
    object: "model",
    created: 1_764_000_000,
    owned_by: "ollama-openai-proxy demo",
    capabilities: ["embedding"],
    context_length: 8192,
    embedding_length: 64,
  },
];

export function listModels() {
  return { object: "list", data: models };
}

export function findModel(id: string) {
  const model = models.find((candidate) => candidate.id === id);
  if (model === undefined) {
    const names = models.map((candidate) => candidate.id).join(" and ");
    throw new ApiError(
      404,
      `The model \`${id}\` does not exist. The models of the demo backend are ${names}.`,
      { code: "model_not_found", param: "model" },
    );
  }
  return model;
}

/** The id of a known model that can do what is asked of it. */
export function requireModel(id: unknown, capability: "completion" | "embedding"): string {
  if (typeof id !== "string" || id === "") {
    throw new ApiError(400, "You must provide a model parameter.", { param: "model" });
  }
  const model = findModel(id);
  if (!model.capabilities.includes(capability)) {
    throw new ApiError(400, `The model \`${id}\` does not support ${capability}.`, {
      param: "model",
    });
  }
  return model.id;
}
