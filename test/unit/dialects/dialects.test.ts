import { describe, expect, test } from "vitest";
import { dialectFields } from "../../../src/dialects/dialect.ts";
import {
  dialectForAddress,
  dialectForModel,
  dialectIds,
  dialects,
  type DialectId,
} from "../../../src/dialects/dialects.ts";

describe("the table of dialects", () => {
  test("has every family once", () => {
    expect(dialectIds).toHaveLength(34);
    expect(new Set(Object.values(dialects).map(({ id }) => id)).size).toBe(34);
  });

  describe.each(dialectIds)("%s", (id) => {
    const { id: name, ...fields } = dialects[id];

    test("has its own name and the shape of a dialect", () => {
      expect(name).toBe(id);
      expect(dialectFields.parse(fields)).toEqual(fields);
    });

    test("names the fields of options, and ranges only for those", () => {
      const wireNames = Object.values(fields.options).flat();
      expect(wireNames.filter((wireName) => !/^[a-z_]+$/.test(wireName))).toEqual([]);
      expect(new Set(wireNames).size).toBe(wireNames.length);
      expect(Object.keys(fields.ranges).filter((field) => !wireNames.includes(field))).toEqual([]);
      expect(Object.values(fields.ranges).filter(([least, most]) => least >= most)).toEqual([]);
    });

    test("takes what every backend takes: stop texts and a limit", () => {
      expect(fields.options.stop).toEqual(["stop"]);
      expect(fields.options.num_predict).toHaveLength(1);
    });

    test("has a last resort for structured output", () => {
      expect(fields.json.at(-1)).toBe("prompt");
      expect(fields.schema.at(-1)).toBe("prompt");
    });

    test("says all levels of thinking or none", () => {
      const levels = (["low", "medium", "high", "max"] as const).filter(
        (level) => fields.think[level] !== undefined,
      );
      expect([0, 4]).toContain(levels.length);
    });

    test("sends no member that is undefined or null", () => {
      const { think, prefill, tool_call_fields, embeddings } = fields;
      const sent = [think, prefill?.request ?? {}, prefill?.message ?? {}, tool_call_fields];
      const members = [...sent, embeddings?.fields ?? {}];
      expect(JSON.parse(JSON.stringify(members))).toStrictEqual(members);
      expect(JSON.stringify(members)).not.toContain("null");
    });
  });
});

describe("the host tells the dialect of", () => {
  test.each<[url: string, id: DialectId]>([
    ["https://api.openai.com/v1", "openai"],
    ["https://eu.api.openai.com/v1", "openai"],
    ["https://API.OPENAI.COM./v1", "openai"],
    ["https://me.openai.azure.com/openai/v1", "azure"],
    ["https://me.services.ai.azure.com/openai/v1", "azure"],
    ["https://me.cognitiveservices.azure.com/openai/deployments/x", "azure"],
    ["https://models.github.ai/inference", "github-models"],
    ["https://models.inference.ai.azure.com", "github-models"],
    ["https://openrouter.ai/api/v1", "openrouter"],
    ["https://api.groq.com/openai/v1", "groq"],
    ["https://api.mistral.ai/v1", "mistral"],
    ["https://codestral.mistral.ai/v1", "mistral"],
    ["https://api.deepseek.com", "deepseek"],
    ["https://generativelanguage.googleapis.com/v1beta/openai", "gemini"],
    ["https://api.anthropic.com/v1", "anthropic"],
    ["https://api.together.xyz/v1", "together"],
    ["https://api.together.ai/v1", "together"],
    ["https://api.fireworks.ai/inference/v1", "fireworks"],
    ["https://api.x.ai/v1", "xai"],
    ["https://us-east-1.api.x.ai/v1", "xai"],
    ["https://api.cerebras.ai/v1", "cerebras"],
    ["https://api.cohere.ai/compatibility/v1", "cohere"],
    ["https://api.cohere.com/compatibility/v1", "cohere"],
    ["https://api.perplexity.ai", "perplexity"],
    ["https://integrate.api.nvidia.com/v1", "nim"],
    ["https://api.moonshot.ai/v1", "kimi"],
    ["https://api.moonshot.cn/v1", "kimi"],
    ["https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen"],
    ["https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "qwen"],
    ["https://api.z.ai/api/paas/v4", "glm"],
    ["https://open.bigmodel.cn/api/paas/v4", "glm"],
  ])("%s: %s", (url, id) => {
    expect(dialectForAddress(new URL(url)).id).toBe(id);
  });

  test.each([
    "https://api.openai.com.example.org/v1",
    "https://notapi.openai.com/v1",
    "https://api-x.ai/v1",
    "https://openai.azure.com.example.org/v1",
    "https://openrouter.ai.example.org/v1",
  ])("nobody we know: %s", (url) => {
    expect(dialectForAddress(new URL(url)).id).toBe("generic");
  });
});

describe("a backend of which only the address is known", () => {
  test.each([
    "http://127.0.0.1:8080/v1",
    "http://127.1.2.3/v1",
    "http://localhost:1234/v1",
    "http://LOCALHOST/v1",
    "http://gpu.localhost/v1",
    "http://10.0.0.5:8000/v1",
    "http://172.16.0.1/v1",
    "http://172.31.255.255/v1",
    "http://192.168.1.20/v1",
    "http://169.254.10.1/v1",
    "http://0.0.0.0:8000/v1",
    "http://[::1]:8000/v1",
    "http://[::]:8000/v1",
    "http://[::ffff:127.0.0.1]:8000/v1",
    "http://[::ffff:192.168.1.20]/v1",
    "http://[::ffff:a00:5]/v1",
    "http://[fd12:3456::1]/v1",
    "http://[fe80::1]/v1",
    "http://vllm:8000/v1",
    "http://gpu.local/v1",
    "http://gpu.lan/v1",
    "http://host.docker.internal:8000/v1",
  ])("at %s is a server of one's own", (url) => {
    expect(dialectForAddress(new URL(url)).id).toBe("generic-local");
  });

  test.each([
    "https://example.com/v1",
    "https://8.8.8.8/v1",
    "http://172.15.0.1/v1",
    "http://172.32.0.1/v1",
    "http://192.169.0.1/v1",
    "http://11.0.0.1/v1",
    "http://[2001:db8::1]/v1",
    "http://[::ffff:8.8.8.8]/v1",
    "http://[2001:db8::ffff:127.0.0.1]/v1",
    "http://0.0.0.1/v1",
    "http://127.0.0.1.example.com/v1",
    "http://10.example.com/v1",
    "http://localhost.example.com/v1",
    "http://fd.example.com/v1",
  ])("at %s takes only the core of the API", (url) => {
    expect(dialectForAddress(new URL(url)).id).toBe("generic");
  });
});

describe("a model's name tells that it thinks", () => {
  test.each([
    "o1",
    "o1-preview",
    "o3-mini",
    "o4-mini-2025-04-16",
    "gpt-5",
    "gpt-5-nano",
    "gpt-5.1",
    "gpt-5.2-codex",
    "gpt-6",
    "openai/o3",
    "openai/gpt-5-mini",
    "ft:o4-mini:acme::1",
    "GPT-5",
  ])("at OpenAI: %s", (model) => {
    expect(dialectForModel(dialects.openai, model)).toMatchObject({
      id: "openai-reasoning",
      max_stops: 0,
      logprobs: "none",
      completions: null,
    });
  });

  test.each([
    "gpt-4o",
    "gpt-4.1",
    "gpt-3.5-turbo-instruct",
    "gpt-35-turbo",
    "gpt-5-chat-latest",
    "gpt-oss-120b",
    "o1x",
    "olmo-2",
    "text-embedding-3-small",
    "constructor",
    "",
  ])("but not: %s", (model) => {
    expect(dialectForModel(dialects.openai, model)).toBe(dialects.openai);
  });

  test.each<[model: string, off: unknown, max: unknown]>([
    ["o3", undefined, "high"],
    ["gpt-5-mini", { reasoning_effort: "minimal" }, "high"],
    ["gpt-5.1", { reasoning_effort: "none" }, "high"],
    ["gpt-5.2", { reasoning_effort: "none" }, "xhigh"],
    ["gpt-6", { reasoning_effort: "none" }, "xhigh"],
  ])("and how little or much %s can", (model, off, max) => {
    const { think } = dialectForModel(dialects.azure, model);
    expect(think.false).toEqual(off);
    expect(think.max).toEqual({ reasoning_effort: max });
  });

  test("and leaves a host its own header and limits", () => {
    expect(dialectForModel(dialects.azure, "gpt-5").auth).toBe("api-key");
    expect(dialectForModel(dialects["github-models"], "openai/o3")).toMatchObject({
      id: "openai-reasoning",
      auth: "bearer",
      options: { num_predict: ["max_completion_tokens"] },
    });
  });

  test.each([
    ["grok-4", "xai-reasoning"],
    ["grok-3-mini", "xai-reasoning"],
    ["grok-4-fast-reasoning", "xai-reasoning"],
    ["grok-code-fast-1", "xai-reasoning"],
    ["grok-4-1-fast-non-reasoning", "xai"],
    ["grok-3", "xai"],
    ["grok-2-vision", "xai"],
  ])("at xAI: %s is %s", (model, id) => {
    expect(dialectForModel(dialects.xai, model).id).toBe(id);
  });

  test("at Groq, where Qwen is only switched", () => {
    expect(dialectForModel(dialects.groq, "qwen/qwen3-32b").think.high).toEqual({
      reasoning_effort: "default",
    });
    expect(dialectForModel(dialects.groq, "openai/gpt-oss-120b")).toBe(dialects.groq);
  });

  test("only at hosts where names mean that", () => {
    expect(dialectForModel(dialects.generic, "gpt-5")).toBe(dialects.generic);
    expect(dialectForModel(dialects.openrouter, "openai/o3")).toBe(dialects.openrouter);
  });
});

describe("odd values that a backend would refuse otherwise", () => {
  test("Mistral's seed, stop texts and continued message", () => {
    expect(dialects.mistral).toMatchObject({
      options: { seed: ["random_seed"] },
      max_stops: 4,
      stream_usage: false,
      prefill: { message: { prefix: true }, echoed: true },
      insert: { path: "/fim/completions", shape: "suffix" },
    });
  });

  test("llama.cpp: a message is continued without thinking, and a level goes to the template", () => {
    expect(dialects.llamacpp).toMatchObject({
      prefill: { request: { chat_template_kwargs: { enable_thinking: false, thinking: false } } },
      think: {
        max: { chat_template_kwargs: { enable_thinking: true, reasoning_effort: "high" } },
      },
    });
    expect(dialects.llamacpp.think.max).not.toHaveProperty("reasoning_effort");
  });

  test("Gemini: never `reasoning_effort` beside `thinking_config`", () => {
    for (const fields of Object.values(dialects.gemini.think)) {
      expect(Object.keys(fields)).toHaveLength(1);
    }
    expect(dialects.gemini.think.low).toEqual({
      extra_body: {
        google: { thinking_config: { include_thoughts: true, thinking_budget: 1024 } },
      },
    });
  });

  test("DeepSeek knows `max` and no `medium`", () => {
    expect(dialects.deepseek.think).toMatchObject({
      false: { thinking: { type: "disabled" } },
      medium: { thinking: { type: "enabled" }, reasoning_effort: "high" },
      max: { thinking: { type: "enabled" }, reasoning_effort: "max" },
    });
  });

  test.each<[id: DialectId, options: readonly string[]]>([
    ["deepseek", ["seed"]],
    ["gemini", ["seed"]],
    ["cohere", ["seed"]],
    ["anthropic", ["seed", "frequency_penalty", "presence_penalty"]],
    ["groq", ["frequency_penalty", "presence_penalty", "top_k"]],
    ["cerebras", ["frequency_penalty", "presence_penalty", "top_k"]],
    ["openai", ["top_k", "min_p", "repeat_penalty"]],
    ["openai-reasoning", ["temperature", "top_p", "frequency_penalty", "presence_penalty"]],
    ["xai-reasoning", ["frequency_penalty", "presence_penalty"]],
    ["ollama", ["top_k", "min_p", "repeat_penalty"]],
    ["tgi", ["top_k", "min_p", "repeat_penalty"]],
  ])("%s is never sent %j", (id, options) => {
    const sent = Object.keys(dialects[id].options);
    expect(options.filter((option) => sent.includes(option))).toEqual([]);
  });

  test("no dialect has a field for the size of the context or for the machine", () => {
    const sent = new Set(dialectIds.flatMap((id) => Object.keys(dialects[id].options)));
    expect(
      [...sent].filter((option) => /^(num_ctx|num_gpu|num_thread|main_gpu|use_)/.test(option)),
    ).toEqual([]);
  });
});
