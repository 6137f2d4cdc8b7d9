import { describe, expect, test } from "vitest";
import { families, familyOf } from "../../../src/models/families.ts";
import { parameterCount, shortCount, sizeInName } from "../../../src/models/parameter-size.ts";
import {
  fileType,
  quantizationInName,
  quantizationName,
} from "../../../src/models/quantization.ts";
import { isCapability } from "../../../src/ollama/responses.ts";

/** Ids as backends really have them, and what their makers say: `C` completes, `-` has no number. */
const examples = `
gpt-oss:20b                                      gptoss         131072   C tools thinking
openai/gpt-oss-120b                              gptoss         131072   C tools thinking
gpt-4o-audio-preview                             gpt            128000   C tools audio
chatgpt-4o-latest                                gpt            128000   C vision
gpt-4o                                           gpt            128000   C tools vision
gpt-4o-mini-2024-07-18                           gpt            128000   C tools vision
gpt-4.1-nano                                     gpt            1047576  C tools vision
gpt-4-1106-preview                               gpt            128000   C tools
gpt-4-turbo                                      gpt            128000   C tools vision
gpt-4-32k                                        gpt            32768    C tools
gpt-4-0613                                       gpt            8192     C tools
gpt-3.5-turbo-instruct                           gpt            4096     C insert
gpt-35-turbo                                     gpt            16385    C tools
gpt-5-chat-latest                                gpt            128000   C vision
gpt-5.2-chat-latest                              gpt            128000   C tools vision
gpt-5.3-codex-spark                              gpt            128000   C tools thinking
gpt-5.4-mini                                     gpt            400000   C tools vision thinking
gpt-5.4                                          gpt            1050000  C tools vision thinking
gpt-6-sol                                        gpt            1050000  C tools vision thinking
gpt-5                                            gpt            400000   C tools vision thinking
gpt-5.1-codex-max                                gpt            400000   C tools vision thinking
o1-mini                                          gpt            128000   C thinking
o3-mini                                          gpt            200000   C tools thinking
openai/o3                                        gpt            200000   C tools vision thinking
o4-mini-2025-04-16                               gpt            200000   C tools vision thinking
text-embedding-3-large                           text-embedding 8192     embedding 3072
text-embedding-3-small                           text-embedding 8192     embedding 1536
text-embedding-ada-002                           text-embedding 8192     embedding 1536
claude-opus-4-6                                  claude         1000000  C tools vision thinking
anthropic/claude-sonnet-4.6                      claude         1000000  C tools vision thinking
claude-haiku-5-5                                 claude         1000000  C tools vision thinking
claude-sonnet-4-20250514                         claude         200000   C tools vision thinking
claude-haiku-4-5-20251001                        claude         200000   C tools vision thinking
claude-3-7-sonnet-latest                         claude         200000   C tools vision thinking
us.anthropic.claude-3-5-sonnet-20241022-v2:0     claude         200000   C tools vision
gemini-1.5-pro                                   gemini         2097152  C tools vision audio
models/gemini-2.0-flash                          gemini         1048576  C tools vision audio
gemini-2.5-pro                                   gemini         1048576  C tools vision thinking audio
gemini-3.1-pro-preview                           gemini         1048576  C tools vision thinking audio
models/gemini-embedding-001                      gemini         2048     embedding 3072
gemini-embedding-2-preview                       gemini         8192     embedding 3072
text-embedding-004                               gemini         2048     embedding 768
embeddinggemma:300m                              gemma3         2048     embedding 768
gemma4:e4b                                       gemma4         131072   C tools vision thinking audio
google/gemma-4-31b-it                            gemma4         262144   C tools vision thinking
gemma3n:e4b                                      gemma3n        32768    C
functiongemma:270m                               gemma3         32768    C tools
gemma3:1b                                        gemma3         32768    C
google/gemma-3-27b-it                            gemma3         131072   C vision
gemma2:9b                                        gemma2         8192     C
google/gemma-2b-it                               gemma          8192     C
codegemma:7b                                     gemma          8192     C insert
codellama:13b                                    llama          16384    C insert
meta-llama/Llama-4-Scout-17B-16E-Instruct        llama4         10485760 C tools vision
llama-4-maverick                                 llama4         1048576  C tools vision
llama4                                           llama4         -        C tools vision
llama3.2-vision:11b                              mllama         131072   C vision
meta-llama/Llama-3.2-90B-Vision-Instruct         mllama         131072   C vision
llama3.1:70b                                     llama          131072   C tools
meta-llama/Meta-Llama-3.1-8B-Instruct            llama          131072   C tools
accounts/fireworks/models/llama-v3p3-70b-instruct llama         131072   C tools
llama-3-1-8b                                     llama          131072   C tools
llama-3.3-70b-versatile                          llama          131072   C tools
meta-llama/Meta-Llama-3-8B-Instruct              llama          8192     C
llama3:70b                                       llama          8192     C
llama-2-7b-chat.Q4_K_M.gguf                      llama          4096     C
tinyllama                                        llama          2048     C
qwen3.5:27b                                      qwen35         262144   C tools vision thinking
Qwen/Qwen3-Coder-Next                            qwen3next      262144   C tools
qwen3-coder:30b                                  qwen3moe       262144   C tools
Qwen/Qwen3-Next-80B-A3B-Thinking                 qwen3next      262144   C tools thinking
Qwen/Qwen3-Next-80B-A3B-Instruct                 qwen3next      262144   C tools
Qwen/Qwen3-VL-8B-Instruct                        qwen3vl        262144   C tools vision
qwen3-vl:8b                                      qwen3vl        262144   C tools vision thinking
qwen3-omni-30b-a3b-instruct                      qwen3omni      -        C tools vision audio
Qwen/Qwen3-4B-Thinking-2507                      qwen3          262144   C tools thinking
Qwen/Qwen3-4B-Instruct-2507                      qwen3          262144   C tools
Qwen/Qwen3-235B-A22B-Thinking-2507               qwen3moe       262144   C tools thinking
Qwen/Qwen3-30B-A3B-Instruct-2507                 qwen3moe       262144   C tools
qwen3-max                                        qwen3          262144   C tools
qwen3:30b                                        qwen3moe       40960    C tools thinking
Qwen/Qwen3-8B                                    qwen3          40960    C tools thinking
qwen3                                            qwen3          40960    C tools thinking
Qwen/QwQ-32B-Preview                             qwen2          32768    C thinking
qwq:32b                                          qwen2          131072   C tools thinking
qwen2.5-coder:7b                                 qwen2          32768    C tools insert
Qwen/Qwen2.5-VL-7B-Instruct                      qwen25vl       128000   C vision
Qwen/Qwen2.5-7B-Instruct-1M                      qwen2          1010000  C tools
qwen2.5-math-7b                                  qwen2          4096     C
accounts/fireworks/models/qwen2p5-72b-instruct   qwen2          32768    C tools
qwen2-vl-7b-instruct                             qwen2vl        32768    C vision
Qwen/Qwen2-57B-A14B-Instruct                     qwen2          32768    C tools
codeqwen:7b                                      qwen2          65536    C
qwen1.5-7b-chat                                  qwen2          32768    C
qwen3-embedding:0.6b                             qwen3          32768    embedding 1024
qwen3-embedding:4b                               qwen3          32768    embedding 2560
Qwen/Qwen3-Embedding-8B                          qwen3          32768    embedding 4096
deepseek-ai/DeepSeek-R1-0528-Qwen3-8B            qwen3          131072   C thinking
deepseek-r1:8b                                   qwen3          131072   C thinking
deepseek-ai/DeepSeek-R1-Distill-Llama-70B        llama          131072   C thinking
deepseek-r1-distill-qwen-7b                      qwen2          131072   C thinking
deepseek-r1:32b                                  qwen2          131072   C thinking
deepseek/deepseek-r1:free                        deepseek2      163840   C thinking
deepseek-reasoner                                deepseek2      131072   C tools thinking
deepseek-chat                                    deepseek2      131072   C tools
deepseek-v4-pro                                  deepseek       1000000  C tools thinking
deepseek-ai/DeepSeek-V3.1                        deepseek2      163840   C tools thinking
deepseek-v3-0324                                 deepseek2      163840   C tools
deepseek-coder-v2:16b                            deepseek2      163840   C insert
deepseek-v2.5                                    deepseek2      163840   C
deepseek-coder:6.7b                              llama          16384    C
codestral:22b                                    llama          32768    C insert
codestral-2508                                   mistral        256000   C tools insert
devstral-small-2:24b                             mistral3       262144   C tools vision
devstral-2512                                    mistral3       262144   C tools
devstral-small-2505                              llama          131072   C tools
magistral-medium-2509                            mistral3       131072   C tools vision thinking
magistral:24b                                    llama          40960    C tools thinking
ministral-3:8b                                   mistral3       262144   C tools vision
ministral-8b-2512                                mistral3       262144   C tools vision
ministral-3b-2410                                mistral        131072   C tools
pixtral-12b                                      pixtral        131072   C tools vision
voxtral-small-latest                             llama          32768    C tools audio
mistral-large-2512                               mistral3       262144   C tools vision
mistral-large-latest                             llama          131072   C tools
mistral-medium-2505                              mistral        131072   C tools vision
mistral-small-2603                               mistral3       256000   C tools vision thinking
mistral-small3.2:24b                             mistral3       131072   C tools vision
mistral-small:24b                                llama          32768    C tools
open-mistral-nemo                                llama          131072   C tools
mixtral:8x22b                                    llama          65536    C tools
mistralai/Mixtral-8x7B-Instruct-v0.1             llama          32768    C
mistralai/Mistral-7B-Instruct-v0.3               llama          32768    C tools
mistral-embed                                    mistral        8192     embedding 1024
codestral-embed-2505                             mistral        8192     embedding 1536
phi4-mini-reasoning                              phi3           131072   C thinking
phi4-mini                                        phi3           131072   C tools
microsoft/Phi-4-multimodal-instruct              phi4mm         131072   C vision audio
phi4-reasoning:plus                              phi3           32768    C thinking
microsoft/phi-4                                  phi3           16384    C
microsoft/Phi-3.5-vision-instruct                phi3v          131072   C vision
phi3.5                                           phi3           131072   C
Phi-3-mini-128k-instruct                         phi3           131072   C
Phi-3-mini-4k-instruct                           phi3           4096     C
phi-2                                            phi2           2048     C
granite4:micro                                   granitehybrid  131072   C tools
ibm-granite/granite-3.3-8b-instruct              granite        131072   C tools
granite-3-2b-instruct                            granite        4096     C tools
command-a-vision-07-2025                         cohere2        128000   C vision
command-a-reasoning-08-2025                      cohere2        256000   C tools thinking
command-a-03-2025                                cohere2        256000   C tools
command-r7b-12-2024                              cohere2        128000   C tools
command-r-plus                                   command-r      128000   C tools
zai-org/GLM-4.5V                                 glm4moe        65536    C tools vision thinking
glm-4.6v                                         glm4moe        131072   C tools vision thinking
glm-4.7-flash                                    glm4moelite    202752   C tools thinking
glm-4.6                                          glm4moe        202752   C tools thinking
glm-4.5-air                                      glm4moe        131072   C tools thinking
glm-5.3                                          glm            1000000  C tools thinking
glm-5                                            glm            202752   C tools thinking
glm-4-9b-chat                                    chatglm        131072   C tools
kimi-k3                                          kimi           1048576  C tools vision thinking
kimi-k2.5                                        kimi           262144   C tools vision thinking
moonshotai/Kimi-K2-Thinking                      deepseek2      262144   C tools thinking
moonshotai/kimi-k2-instruct-0905                 deepseek2      262144   C tools
kimi-k2                                          deepseek2      131072   C tools
grok-2-vision-1212                               grok           -        C tools vision
grok-3                                           grok           131072   C tools
grok-3-mini-fast                                 grok           131072   C tools thinking
grok-code-fast-1                                 grok           256000   C tools thinking
grok-4-1-fast-non-reasoning                      grok           2000000  C tools vision
grok-4-fast                                      grok           2000000  C tools vision thinking
grok-4.3                                         grok           1000000  C tools vision thinking
x-ai/grok-4.7                                    grok           500000   C tools vision thinking
grok-4-0709                                      grok           256000   C tools vision thinking
amazon.nova-micro-v1:0                           nova           128000   C tools
amazon.nova-pro-v1:0                             nova           300000   C tools vision
amazon.nova-premier-v1:0                         nova           1000000  C tools vision
sonar-reasoning-pro                              sonar          128000   C thinking
sonar-pro                                        sonar          200000   C
sonar                                            sonar          128000   C
MiniMaxAI/MiniMax-M2.5                           minimax        204800   C tools thinking
nemotron-3-nano:30b                              nemotron_h_moe 262144   C tools thinking
HuggingFaceTB/SmolLM3-3B                         smollm3        65536    C tools thinking
SmolLM2-135M-Instruct.Q4_1.gguf                  llama          8192     C
smollm:360m                                      llama          2048     C
starcoder2:15b                                   starcoder2     16384    C insert
starcoder:1b                                     starcoder      8192     C insert
allenai/Olmo-3-32B-Think                         olmo3          65536    C thinking
allenai/Olmo-3-7B-Instruct                       olmo3          65536    C
olmo2:7b                                         olmo2          4096     C
LiquidAI/LFM2-8B-A1B                             lfm2           32768    C tools
minicpm-v:8b                                     qwen2          32768    C vision
moondream:1.8b                                   phi2           2048     C vision
llava:7b                                         llama          -        C vision
embed-v4.0                                       cohere         128000   embedding 1536
embed-english-light-v3.0                         cohere         512      embedding 384
embed-multilingual-v3.0                          cohere         512      embedding 1024
voyage-3-lite                                    voyage         32000    embedding 512
voyage-code-3                                    voyage         32000    embedding 1024
amazon.titan-embed-text-v2:0                     titan          8192     embedding 1024
amazon.titan-embed-text-v1                       titan          8192     embedding 1536
nomic-embed-text-v2-moe                          nomic-bert-moe 512      embedding 768
text-embedding-nomic-embed-text-v1.5             nomic-bert     2048     embedding 768
nomic-ai/nomic-embed-code                        qwen2          32768    embedding 3584
mxbai-embed-large:latest                         bert           512      embedding 1024
BAAI/bge-m3                                      bert           8192     embedding 1024
BAAI/bge-large-en-v1.5                           bert           512      embedding 1024
bge-base-en-v1.5                                 bert           512      embedding 768
bge-small-en-v1.5                                bert           512      embedding 384
intfloat/e5-mistral-7b-instruct                  llama          4096     embedding 4096
intfloat/multilingual-e5-large-instruct          bert           512      embedding 1024
e5-base-v2                                       bert           512      embedding 768
multilingual-e5-small                            bert           512      embedding 384
all-MiniLM-L12-v2                                bert           128      embedding 384
all-minilm:22m                                   bert           256      embedding 384
all-mpnet-base-v2                                mpnet          384      embedding 768
paraphrase-multilingual-MiniLM-L12-v2            bert           128      embedding 384
paraphrase-multilingual                          bert           128      embedding 768
jina-embeddings-v2-small-en                      jina-bert-v2   8192     embedding 512
jinaai/jina-embeddings-v2-base-de                jina-bert-v2   8192     embedding 768
jina-embeddings-v3                               jina-bert-v3   8192     embedding 1024
jina-embeddings-v4                               qwen25vl       32768    embedding 2048
snowflake-arctic-embed2                          bert           8192     embedding 1024
Snowflake/snowflake-arctic-embed-m-v2.0          bert           8192     embedding 768
snowflake-arctic-embed-m-long                    nomic-bert     2048     embedding 768
snowflake-arctic-embed:22m                       bert           512      embedding 384
snowflake-arctic-embed-m                         bert           512      embedding 768
snowflake-arctic-embed:335m                      bert           512      embedding 1024
gte-Qwen2-7B-instruct                            qwen2          32768    embedding 3584
gte-Qwen2-1.5B-instruct                          qwen2          32768    embedding 1536
gte-large-en-v1.5                                gte            8192     embedding 1024
gte-multilingual-base                            gte            8192     embedding 768
thenlper/gte-large                               bert           512      embedding 1024
gte-base                                         bert           512      embedding 768
gte-small                                        bert           512      embedding 384
granite-embedding:30m                            bert           512      embedding 384
granite-embedding:278m                           bert           512      embedding 768
nvidia/llama-3.2-nv-embedqa-1b-v2                -              -        embedding
`;

const rows = examples
  .trim()
  .split("\n")
  .map((line) => {
    const [id = "", architecture, contextLength, first, ...more] = line.split(/\s+/);
    const isEmbedding = first === "embedding";
    return {
      id,
      told: {
        architecture: architecture === "-" ? undefined : architecture,
        contextLength: contextLength === "-" ? undefined : Number(contextLength),
        embeddingLength: isEmbedding && more[0] !== undefined ? Number(more[0]) : undefined,
        capabilities: isEmbedding ? ["embedding"] : ["completion", ...more],
      },
    };
  });

describe("the table of families", () => {
  test.each(rows)("knows $id", ({ id, told }) => {
    const { architecture, contextLength, embeddingLength, capabilities } = familyOf(id) ?? {};
    expect({ architecture, contextLength, embeddingLength, capabilities }).toEqual(told);
  });

  test("has no row that no model reaches", () => {
    const reached = new Set(rows.map(({ id }) => familyOf(id)));
    expect(families.filter((family) => !reached.has(family)).map(({ id }) => id.source)).toEqual(
      [],
    );
  });

  test("says where each row is documented, in words that clients know", () => {
    expect(families.length).toBeGreaterThan(200);
    for (const { source, capabilities } of families) {
      expect(source).toMatch(
        /^(its name|[\w.-]+\.\w+(\/[\w./-]+)?( and [\w.-]+\.\w+(\/[\w./-]+)?)?)$/,
      );
      expect(capabilities.length).toBeGreaterThan(0);
      expect(capabilities.every(isCapability)).toBe(true);
    }
  });

  test.each([
    "",
    "m",
    "demo",
    "my-model",
    "dolphin",
    "megagrok",
    "sonarqube",
    "whisper-1",
    "gpt-4o-transcribe",
    "qwen3-reranker-8b",
    "gpt-image-1",
    "orca-mini",
    "o10",
    "embedded-systems-tutor",
  ])("does not know %j", (id) => {
    expect(familyOf(id)).toBe(undefined);
  });
});

test.each<[string, string | undefined]>([
  ["llama3:70b", "70B"],
  ["Qwen2.5-0.5B-Instruct", "0.5B"],
  ["qwen2p5-0p5b", "0.5B"],
  ["llama-v3p1-405b-instruct", "405B"],
  ["mixtral-8x7b", "8x7B"],
  ["Mixtral-8x22B-Instruct-v0.1", "8x22B"],
  ["gemma-3n-e4b-it", "E4B"],
  ["SmolLM2-135M-Instruct", "135M"],
  ["qwen3-30b-a3b", "30B"],
  ["Qwen2.5-7B-Instruct-1M", "7B"],
  ["gemini-1m", undefined],
  ["olmoe-a1b", undefined],
  ["mlx-4bit", undefined],
  ["gpt-4o", undefined],
  ["phi-3-mini-128k", undefined],
  ["abc7b", undefined],
])("the size of %s is %s", (id, size) => {
  expect(sizeInName(id)).toBe(size);
});

test.each<[string, number | undefined]>([
  ["7B", 7e9],
  ["0.5B", 5e8],
  ["134.52M", 134_520_000],
  ["1T", 1e12],
  ["8x7B", undefined],
  ["E4B", undefined],
  ["0B", undefined],
  ["999999T", undefined],
  ["unknown", undefined],
])("%s are %s parameters", (size, count) => {
  expect(parameterCount(size)).toBe(count);
});

test.each<[number, string]>([
  [134_515_008, "134.52M"],
  [8_030_261_312, "8.0B"],
  [7e9, "7B"],
  [1e12, "1T"],
  [22e6, "22M"],
  [1500, "2K"],
  [12, "12"],
])("Ollama writes %d as %s", (count, size) => {
  expect(shortCount(count)).toBe(size);
});

test.each<[string, string | undefined]>([
  ["Qwen3-8B-Q4_K_M.gguf", "Q4_K_M"],
  ["llama3.1:8b-instruct-q8_0", "Q8_0"],
  ["m-IQ2_XXS", "IQ2_XXS"],
  ["m-UD-Q4_K_XL", "Q4_K_XL"],
  ["gemma:7b-fp16", "F16"],
  ["m-BF16", "BF16"],
  ["Qwen2.5-7B-Instruct-AWQ", "AWQ"],
  ["Meta-Llama-3.1-8B-FP8", "FP8"],
  ["m-GPTQ-Int4", "GPTQ"],
  ["m-int4", "INT4"],
  ["m-MXFP4", "MXFP4"],
  ["mlx-community/Qwen3-8B-4bit", "4bit"],
  ["m.w4a16", "W4A16"],
  ["gpt-4o", undefined],
  ["q4", undefined],
  ["af16b", undefined],
])("the quantization of %s is %s", (id, quantization) => {
  expect(quantizationInName(id)).toBe(quantization);
});

test.each<[string, string, number | undefined]>([
  ["Q4_K - Medium", "Q4_K_M", 15],
  ["(guessed) Q3_K - Large", "Q3_K_L", 13],
  ["all F32", "F32", 0],
  ["Q8_0", "Q8_0", 7],
  ["Q6_K", "Q6_K", 18],
  ["IQ4_XS - 4.25 bpw", "IQ4_XS", 30],
  ["4bit", "4bit", undefined],
])("llama.cpp's %j is %s to Ollama, in files %s", (told, name, type) => {
  expect(quantizationName(told)).toBe(name);
  expect(fileType(name)).toBe(type);
});
