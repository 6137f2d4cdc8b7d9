import { aiProviderClient, aiSdkOllamaClient } from "./ai-sdk.mjs";
import { langchainClient } from "./langchain.mjs";
import { llamaindexClient } from "./llamaindex.mjs";
import { ollamaClient } from "./ollama.mjs";

/**
 * The tasks a program gives to a client, written for each client as its documentation has them. What
 * a client can't do is absent. Each is made for the server at a `host` and a model.
 * - `chat({ question, stream })` → `{ pieces, text, thinking, usage, finish }`
 * - `think({ question, stream, think })` → the same
 * - `look({ question, image, stream })` → the same; the image is base64
 * - `useTools({ question, stream })` runs the tools until the model has done with them → `{ text }`
 * - `describePet({ question, stream })` → what fits the schema
 * - `show()` → Ollama's answer
 * - `embed(texts)` → a vector each
 * - `complete({ prompt, stream })` → its text
 * - `insert({ prefix, suffix, stream })` → the text between
 * - `logprobs({ question, stream })` → Ollama's list
 */
export const clients = {
  ollama: ollamaClient,
  "@langchain/ollama": langchainClient,
  "ai-sdk-ollama": aiSdkOllamaClient,
  "ollama-ai-provider-v2": aiProviderClient,
  "@llamaindex/ollama": llamaindexClient,
};
