/** The questions of `npm run validate`. None of them changes the server. */

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Get the weather of a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
    },
  },
};

/** @typedef {{ name: string, method: string, path: string, body?: unknown, status: number }} Probe */

/**
 * @param {{ model: string, capabilities: string[] }} known
 * @returns {Probe[]}
 */
export function probesFor({ model, capabilities }) {
  const options = { num_predict: 24, temperature: 0 };
  const user = [{ role: "user", content: "What is the weather in Paris?" }];
  const can = (capability) => capabilities.includes(capability);

  const asked = [
    both("text", "/api/chat", { model, messages: user, options }),
    both("text", "/api/generate", { model, prompt: "Say hello.", options }),
    both("log probabilities", "/api/chat", {
      model,
      messages: user,
      options,
      logprobs: true,
      top_logprobs: 2,
    }),
    both("schema", "/api/generate", {
      model,
      prompt: "A name as JSON.",
      options,
      format: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
    }),
    can("thinking") &&
      both("thinking", "/api/chat", { model, messages: user, options, think: true }),
    can("thinking") &&
      both("thinking", "/api/generate", { model, prompt: "1+1?", options, think: true }),
    can("tools") &&
      both("tools", "/api/chat", {
        model,
        messages: user,
        tools: [weather],
        options: { ...options, num_predict: 96 },
      }),
    both("load", "/api/chat", { model, messages: [] }),
    both("load", "/api/generate", { model }),
    can("embedding") && [
      post("embed", "/api/embed", { model, input: ["a", "b"] }),
      post("embed nothing", "/api/embed", { model, input: [] }),
      post("embed", "/api/embeddings", { model, prompt: "a" }),
    ],
  ];
  return [...fixed(model), ...asked.filter(Boolean).flat()];
}

function fixed(model) {
  const nobody = "no-such-model";
  const messages = [{ role: "user", content: "Hi" }];
  return [
    { name: "version", method: "GET", path: "/api/version", status: 200 },
    { name: "list", method: "GET", path: "/api/tags", status: 200 },
    { name: "cloud", method: "GET", path: "/api/status", status: 200 },
    { name: "running models", method: "GET", path: "/api/ps", status: 200 },
    post("card", "/api/show", { model }),
    { name: "list", method: "GET", path: "/v1/models", status: 200 },
    ...both("text", "/v1/chat/completions", { model, messages, max_tokens: 8 }, false),
    post("unknown model", "/api/show", { model: nobody }, 404),
    ...both("unknown model", "/api/chat", { model: nobody, messages }, true, 404),
    ...both("unknown model", "/api/generate", { model: nobody, prompt: "x" }, true, 404),
    post("unknown model", "/v1/chat/completions", { model: nobody, messages }, 404),
    post("no body", "/api/chat", undefined, 400),
    post("wrong type", "/api/generate", { model, prompt: 5 }, 400),
  ];
}

/** Streaming, where `stream` is absent or true, and not. */
function both(name, path, body, streamsByDefault = true, status = 200) {
  const streaming = streamsByDefault ? body : { ...body, stream: true };
  return [
    post(`${name}, streaming`, path, streaming, status),
    post(name, path, { ...body, stream: false }, status),
  ];
}

function post(name, path, body, status = 200) {
  return { name, method: "POST", path, body, status };
}
