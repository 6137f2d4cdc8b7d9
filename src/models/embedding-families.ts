import { familiesOf, type BySource, type Family } from "./family.ts";

type Row = readonly [
  id: RegExp,
  architecture: string,
  contextLength: number,
  embeddingLength: number,
];

const table: BySource<Row> = {
  "developers.openai.com/api/docs/guides/embeddings": [
    [/text-embedding-3-large/, "text-embedding", 8192, 3072],
    [/text-embedding-(?:3-small|ada-002)/, "text-embedding", 8192, 1536],
  ],
  "ai.google.dev/gemini-api/docs/embeddings": [
    [/gemini-embedding-2/, "gemini", 8192, 3072],
    [/gemini-embedding-(?:001|exp)/, "gemini", 2048, 3072],
    [/text-embedding-00[45]/, "gemini", 2048, 768],
  ],
  "huggingface.co/google/embeddinggemma-300m": [[/embedding-?gemma/, "gemma3", 2048, 768]],
  "docs.mistral.ai/capabilities/embeddings": [
    [/codestral-embed/, "mistral", 8192, 1536],
    [/mistral-embed/, "mistral", 8192, 1024],
  ],
  "docs.cohere.com/docs/cohere-embed": [
    [/embed-v4/, "cohere", 128_000, 1536],
    [/embed-(?:english|multilingual)-light-v3/, "cohere", 512, 384],
    [/embed-(?:english|multilingual)-v3/, "cohere", 512, 1024],
  ],
  "docs.voyageai.com/docs/embeddings": [
    [/voyage-3-lite/, "voyage", 32_000, 512],
    [/voyage-(?:3|code-3)/, "voyage", 32_000, 1024],
  ],
  "docs.aws.amazon.com/bedrock/latest/userguide/titan-embedding-models.html": [
    [/titan-embed-text-v2/, "titan", 8192, 1024],
    [/titan-embed(?:-g1)?-text-0?[12]|titan-embed-text-v1/, "titan", 8192, 1536],
  ],
  "huggingface.co/nomic-ai": [
    [/nomic-embed-text-v2/, "nomic-bert-moe", 512, 768],
    [/nomic-embed-text/, "nomic-bert", 2048, 768],
    [/nomic-embed-code/, "qwen2", 32_768, 3584],
  ],
  "huggingface.co/mixedbread-ai": [[/mxbai-embed-large/, "bert", 512, 1024]],
  "huggingface.co/BAAI": [
    [/bge-m3/, "bert", 8192, 1024],
    [/bge-large/, "bert", 512, 1024],
    [/bge-base/, "bert", 512, 768],
    [/bge-small/, "bert", 512, 384],
  ],
  "huggingface.co/intfloat": [
    [/e5-mistral-7b/, "llama", 4096, 4096],
    [/e5-large/, "bert", 512, 1024],
    [/e5-base/, "bert", 512, 768],
    [/e5-small/, "bert", 512, 384],
  ],
  "huggingface.co/sentence-transformers": [
    [/all-minilm-l12/, "bert", 128, 384],
    [/all-minilm/, "bert", 256, 384],
    [/all-mpnet-base/, "mpnet", 384, 768],
    [/paraphrase-multilingual-minilm/, "bert", 128, 384],
    [/paraphrase-multilingual/, "bert", 128, 768],
  ],
  "huggingface.co/jinaai": [
    [/jina-embeddings-v2-small/, "jina-bert-v2", 8192, 512],
    [/jina-embeddings-v2/, "jina-bert-v2", 8192, 768],
    [/jina-embeddings-v3/, "jina-bert-v3", 8192, 1024],
    [/jina-embeddings-v4/, "qwen25vl", 32_768, 2048],
  ],
  "huggingface.co/Snowflake": [
    [/(?:snowflake-)?arctic-embed(?:2|-l-v2)/, "bert", 8192, 1024],
    [/(?:snowflake-)?arctic-embed-m-v2/, "bert", 8192, 768],
    [/(?:snowflake-)?arctic-embed-m-long/, "nomic-bert", 2048, 768],
    [/(?:snowflake-)?arctic-embed(?:-xs|-s|:22m|:33m)/, "bert", 512, 384],
    [/(?:snowflake-)?arctic-embed(?:-m|:110m|:137m)/, "bert", 512, 768],
    [/(?:snowflake-)?arctic-embed/, "bert", 512, 1024],
  ],
  "huggingface.co/Alibaba-NLP and huggingface.co/thenlper": [
    [/gte-qwen2-7b/, "qwen2", 32_768, 3584],
    [/gte-qwen2-1\.5b/, "qwen2", 32_768, 1536],
    [/gte-large-en-v1\.5/, "gte", 8192, 1024],
    [/gte-(?:base-en-v1\.5|multilingual-base)/, "gte", 8192, 768],
    [/gte-large/, "bert", 512, 1024],
    [/gte-base/, "bert", 512, 768],
    [/gte-small/, "bert", 512, 384],
  ],
  "huggingface.co/Qwen/Qwen3-Embedding-0.6B": [
    [/qwen3-embedding[:-]0\.6b/, "qwen3", 32_768, 1024],
    [/qwen3-embedding[:-]4b/, "qwen3", 32_768, 2560],
    [/qwen3-embedding[:-]8b/, "qwen3", 32_768, 4096],
  ],
  "huggingface.co/ibm-granite": [
    [/granite-embedding[:-](?:30m|107m)/, "bert", 512, 384],
    [/granite-embedding[:-](?:125m|278m)/, "bert", 512, 768],
  ],
};

/** Of a model that its name tells no more of. */
const unknown: Family = {
  id: /(?<![a-z0-9])embed(?:ding|dings|qa)?(?![a-z0-9])/,
  architecture: undefined,
  contextLength: undefined,
  capabilities: ["embedding"],
  source: "its name",
};

export const embeddingFamilies: readonly Family[] = [
  ...familiesOf(table, ([, architecture, contextLength, embeddingLength]) => {
    return { architecture, contextLength, embeddingLength, capabilities: ["embedding"] };
  }),
  unknown,
];
