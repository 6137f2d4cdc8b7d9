import type { Difference } from "./comparison.ts";

const JSON_TYPE = "application/json; charset=utf-8";
const NDJSON = { "content-type": "application/x-ndjson", "transfer-encoding": "chunked" };

function error(text: string): string {
  return `${JSON.stringify({ error: text })}\n`;
}

/** A body that real Ollama refuses in the words of Go's decoder. */
function refusal(text: string, ...cases: string[]): Difference {
  return { cases, reason: "the text names the field as the client knows it", body: error(text) };
}

const http: readonly Difference[] = [
  {
    cases: ({ status, reply_headers: headers }) =>
      status !== 403 && headers?.["vary"] === undefined,
    reason: "answers differ by Origin, so caches are told on every answer",
    headers: { vary: "Origin" },
  },
  {
    cases: ["version-slash"],
    reason: "a trailing slash is accepted instead of redirected: some clients don't follow",
    status: 200,
    headers: { "content-type": JSON_TYPE, location: undefined },
    body: '{"version":"0.34.4"}\n',
  },
  {
    cases: ["tags-slash"],
    reason: "a trailing slash is accepted instead of redirected: some clients don't follow",
    status: 200,
    headers: { "content-type": JSON_TYPE, location: undefined },
    body: /^\{"models":\[/u,
  },
  {
    cases: ["chat-slash-post"],
    reason: "a trailing slash is accepted instead of redirected: some clients don't follow",
    status: 200,
    headers: { "content-type": JSON_TYPE, location: undefined },
    body: /"done_reason":"load"\}\n$/u,
  },
];

const models: readonly Difference[] = [
  {
    cases: ["tags-query", "tags-get-with-json-ct-and-body", "final-tags"],
    reason: "a backend does not tell the width of its embeddings",
    body: (recorded) => recorded.replaceAll(',"embedding_length":"<count>"', ""),
  },
  {
    cases: ["show-verbose"],
    reason: "there is no vocabulary to list",
    headers: { "transfer-encoding": undefined },
    body: /^\{"license":"unknown","modelfile":"<text>",.*"modified_at":"<time>"\}\n$/u,
  },
  {
    cases: ({ case: name, path, status }) =>
      path === "/api/show" && status === 200 && !["show-verbose", "show-created"].includes(name),
    reason: "clients fail on a card without a license, so an unknown one is called unknown",
    body: (recorded) => recorded.replace("{", '{"license":"unknown",'),
  },
  {
    cases: ["show-embed-model"],
    reason: "the parameters say what we do, for every model",
    body: (recorded) =>
      recorded.replace('"modelfile":"<text>"', '"modelfile":"<text>","parameters":"<text>"'),
  },
  {
    cases: ["show-system-override"],
    reason: "a card shows the model as it is; other settings can't be tried on it",
    headers: { "transfer-encoding": undefined },
    body: (recorded) => recorded.replace('"system":"be nice",', ""),
  },
];

const badBodies: readonly Difference[] = [
  refusal(
    "unexpected EOF",
    ...["show", "generate", "create", "delete", "pull"].map((route) => `${route}-bad-json`),
  ),
  refusal("request body: expected object, received array", "show-array"),
  refusal("request body: expected object, received string", "generate-string"),
  refusal("model: expected string, received number", "show-model-number", "generate-model-number"),
  refusal("options: expected object, received string", "generate-options-string"),
  refusal("options: expected object, received array", "generate-options-array"),
  refusal("options: expected object, received string", "chat-options-string"),
  refusal("options: expected object, received array", "chat-options-array"),
  refusal("messages: expected array, received number", "chat-wrong-type"),
  refusal("messages: expected array, received object", "chat-messages-object"),
  refusal("messages[0]: expected object, received string", "chat-message-string"),
  refusal("messages[0].content: expected string, received array", "chat-content-parts"),
  refusal("messages[0].content: expected string, received number", "chat-content-number"),
  refusal("stream: expected boolean, received string", "chat-stream-string"),
  refusal("tools: expected array, received string", "chat-tools-string"),
  {
    cases: /^(?:chat|generate)-(?:bad-format|option-(?:wrong-type|stop-))/u,
    reason: "a client's own fault is a 400, so that a balancer does not count it as a failure",
    status: 400,
  },
  {
    cases: /^(?:chat|generate)-bad-format/u,
    reason: "refused before the model is asked, so the answer has a length",
    headers: { "content-type": JSON_TYPE, "transfer-encoding": undefined },
  },
  {
    cases: ["chat-tools-bad-shape"],
    reason: "a tool without a function is refused before a backend is asked",
    status: 400,
    body: error("tools[0].function: expected object, received undefined"),
  },
  {
    cases: ["generate-bom", "chat-bom"],
    reason: "a byte order mark is accepted",
    status: 404,
    body: error("model 'nope' not found"),
  },
  {
    cases: ["generate-gzip", "chat-gzip"],
    reason: "compressed bodies are refused by name",
    status: 415,
    body: error("unsupported content encoding"),
  },
];

const PULL_FAILED = '"error":"pull model manifest: file does not exist"';

const library: readonly Difference[] = [
  {
    cases: ({ path, status, reply_headers: headers }) =>
      /^\/api\/(?:create|pull|push)$/u.test(path) &&
      Number(status) >= 400 &&
      headers?.["content-type"] === "application/json",
    reason: "errors of all routes are written in one way: with a charset and a length",
    headers: { "content-type": JSON_TYPE, "transfer-encoding": undefined },
  },
  {
    cases: ["create-ok-stream"],
    reason: "of a base there is one part, its weights, and they are named by what they are called",
    body: /^\{"status":"using existing layer sha256:[0-9a-f]{64}"\}\n\{"status":"creating new layer sha256:d3675a1475181560b15d0fb782f0791509b9c8749c8412bf757b2b02c71cd475"\}\n\{"status":"writing manifest"\}\n\{"status":"success"\}\n$/u,
  },
  {
    cases: /^create-files/u,
    reason: "weights can't be brought to a backend",
    status: 400,
    headers: { "content-type": JSON_TYPE, "transfer-encoding": undefined },
    body: error("weights can't be imported: models run on the backends; use 'from'"),
  },
  {
    cases: ["create-cloud-from"],
    reason: "there is no cloud behind us to take a model from",
    status: 500,
    headers: { "content-type": JSON_TYPE },
    body: `{${PULL_FAILED}}\n`,
  },
  {
    cases: ["delete-cleanup-t8"],
    reason: "it was made of a cloud model",
    status: 404,
    headers: { "content-type": JSON_TYPE },
    body: error("model 't8' not found"),
  },
  {
    cases: ["pull-known-local"],
    reason: "a backend's model is there and needs no registry",
    body: '{"status":"pulling manifest"}\n{"status":"success"}\n',
  },
  {
    cases: ["pull-known-local-nostream"],
    reason: "a backend's model is there and needs no registry",
    status: 200,
    headers: { "content-type": "application/json" },
    body: '{"status":"success"}\n',
  },
  {
    cases: ({ case: name, path }) => path === "/api/pull" && !name.includes("known-local"),
    reason: "the text is that of a name which the registry doesn't know: we ask none",
    body: (recorded) => recorded.replace(/"error":"pull model manifest: .*"(?=\})/u, PULL_FAILED),
  },
  {
    cases: /^push-/u,
    reason: "there are no files to name, and no registry to reach",
    body: (recorded) =>
      recorded
        .replace(
          /open \/models\/manifests\/(?:registry\.ollama\.ai\/)?(?:library\/)?(.+)\/latest:.*"/u,
          "model '$1' not found\"",
        )
        .replace(
          /"Head .*"(?=\})/u,
          '"this server has no registry to push to: its models run on the backends"',
        ),
  },
  {
    cases: ["blob-head-ok", "blob-head-dash"],
    reason: "it is the weights of a model, which the backend has",
    status: 404,
    headers: { "content-type": JSON_TYPE },
  },
];

const account: readonly Difference[] = [
  {
    cases: ["status"],
    reason: "there is no cloud behind us",
    body: '{"cloud":{"disabled":true,"source":"config"}}\n',
  },
  {
    cases: ["signout"],
    reason: "nobody has signed in, as Ollama says where it can reach its cloud",
    status: 401,
    body: error("you are not currently signed in"),
  },
];

const inference: readonly Difference[] = [
  {
    cases: ["gen-images-nonvision"],
    reason: "what a backend says is told as text, not as JSON inside a string",
    body: error("Multimodal data provided, but model does not support multimodal requests."),
  },
  {
    cases: ["gen-images-dataurl"],
    reason: "data: URLs of images are accepted",
    status: 200,
    headers: NDJSON,
    body: /^\{.*"response":"ok","done":false\}\n\{.*"done":true/u,
  },
  {
    cases: ["gen-bad-template"],
    reason: "the client's own fault is a 400",
    status: 400,
  },
  {
    cases: ["gen-context-out-of-range"],
    reason: "a context that is not ours is ignored, and said to be",
    status: 200,
    body: /"response":"ok","done":true,"done_reason":"stop","context":"<tokens>"/u,
  },
  {
    cases: ["gen-accept-sse"],
    reason: "a client that asks for Server-Sent Events gets them",
    headers: { "content-type": "text/event-stream" },
    body: (recorded) => recorded.replaceAll(/^(.+)\n/gmu, "data: $1\n\n"),
  },
  {
    cases: ["chat-stream-raw-chunks"],
    reason: "only the first chunk was kept in the recording",
    body: (recorded) => `${recorded}${LAST_CHAT_LINE}`,
  },
  {
    cases: ["gen-debug-render", "chat-debug-render"],
    reason: "the backend's template is not ours to show",
    headers: NDJSON,
    body: /"done":true,"done_reason":"stop"/u,
  },
];

const embeddings: readonly Difference[] = [
  refusal("unexpected EOF", "embed-bad-json"),
  {
    cases: ["embed-completion-model", "embeddings-completion-model"],
    reason: "the client's own fault, told in the words of the other routes",
    status: 400,
    body: error('"smol" does not support embeddings'),
  },
  {
    cases: ["embed-dimensions"],
    reason: "the length is summed in 64 bits, so that last digits differ",
    body: /"embeddings":\[\[-0\.2837866\d*,-0\.418621\d*,0\.02313806\d*,0\.59406\d*,0\.60968\d*,0\.0756186\d*,0\.0522585\d*,0\.103014\d*\]\],"total_duration":"<nanoseconds>","load_duration":"<nanoseconds>","prompt_eval_count":1\}\n$/u,
  },
  {
    cases: ["embed-dimensions-too-big", "embed-dimensions-0"],
    reason: "only the beginning was kept in the recording; the answer has a length",
    headers: { "transfer-encoding": undefined },
    body: /^\{"model":"smol-embed","embeddings":\[\[-0\.012757877,-0\.018819494,0\.001040192,0\.02670651,/u,
  },
  {
    cases: ["embeddings-ok"],
    reason: "only the beginning was kept in the recording; the answer has a length",
    headers: { "transfer-encoding": undefined },
    body: /^\{"embedding":\[-0\.01275787502527237,-0\.018819492310285568,0\.0010401918552815914,/u,
  },
];

const LAST_CHAT_LINE =
  '{"model":"smol","created_at":"<time>","message":{"role":"assistant","content":""},"done":true,' +
  '"done_reason":"stop","total_duration":"<nanoseconds>","load_duration":"<nanoseconds>",' +
  '"prompt_eval_count":1,"prompt_eval_cached_count":0,"prompt_eval_duration":"<nanoseconds>",' +
  '"eval_count":1,"eval_duration":"<nanoseconds>"}\n';

const openai: readonly Difference[] = [
  {
    cases: ["v1-models", "v1-models-q", "v1-model", "v1-model-latest"],
    reason: "no newline after the JSON",
    body: (recorded) => recorded.trimEnd(),
  },
  {
    cases: ["v1-models", "v1-models-q"],
    reason: "models have the backend's own ids, which is what its clients ask for",
    body: (recorded) => recorded.replaceAll(":latest", ""),
  },
  {
    cases: ["v1-models-slash"],
    reason: "a trailing slash is accepted instead of redirected: some clients don't follow",
    status: 200,
    headers: { "content-type": "application/json", location: undefined },
    body: /^\{"object":"list","data":\[/u,
  },
  {
    cases: ["v1-model-namespaced"],
    reason: "ids with slashes are asked for as they are",
    headers: { "content-type": JSON_TYPE },
    body: '{"error":{"message":"model \'me/x\' not found","type":"not_found_error","param":null,"code":null}}',
  },
  {
    cases: ({ path, status, reply_headers: headers }) =>
      path.startsWith("/v1/") &&
      Number(status) >= 400 &&
      headers?.["content-type"] === "application/json",
    reason: "errors of all routes are written in one way: with a charset, without a newline",
    headers: { "content-type": JSON_TYPE },
    body: (recorded) => recorded.trimEnd(),
  },
  {
    cases: ["v1-chat-bad-json"],
    reason: "the text is ours, not that of Go's decoder",
    body: (recorded) => recorded.replace(/"message":"[^"]*"/u, '"message":"unexpected EOF"'),
  },
];

/** Where we differ from real Ollama on purpose. docs/COMPATIBILITY.md tells it to users. */
export const answerDifferences: readonly Difference[] = [
  ...http,
  ...models,
  ...library,
  ...account,
  ...badBodies,
  ...inference,
  ...embeddings,
  ...openai,
];
