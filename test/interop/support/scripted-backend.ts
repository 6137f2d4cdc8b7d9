import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type RecordedRequest,
  type Script,
} from "../../support/scripted-upstream.ts";

/** What the backend answers next. Plain JSON, so that tests in every language can say it. */
export interface Reply {
  thinking?: string;
  text?: string;
  calls?: { name: string; arguments: object }[];
  /** One piece of text each; they stand for `text`. */
  logprobs?: { token: string; logprob: number; top_logprobs?: object[] }[];
  withoutUsage?: boolean;
  /** A stream as it goes over the wire instead: an object is an event, a string stands for itself. */
  wire?: (object | string)[];
  /** The connection is closed in the middle. */
  cut?: boolean;
  /** An answer in one piece instead. */
  body?: unknown;
  /** Its status; default 200. */
  status?: number;
}

export interface ReceivedRequest {
  path: string;
  body: ReceivedBody;
  /** Each tool's result in it, with the call that it answers. */
  results: AnsweredCall[];
}

interface ReceivedBody {
  messages?: ReceivedMessage[];
  [field: string]: unknown;
}

interface AnsweredCall {
  /** `undefined` where it answers none of the calls just before it, which OpenAI refuses. */
  call: string | undefined;
  arguments: unknown;
  result: unknown;
}

interface ReceivedMessage {
  role: string;
  content: unknown;
  tool_call_id?: string;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
}

export interface ScriptedBackend {
  /** `http://127.0.0.1:PORT` */
  url: string;
  /** Says what it answers from now on, one reply a request, and forgets what it has received. */
  script(...replies: Reply[]): void;
  /** What it was asked since. */
  received(): ReceivedRequest[];
  close(): Promise<void>;
}

const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

/**
 * An OpenAI-compatible backend with one model, `m`, that answers what a test has written down for it
 * and tells what it was asked. Tests that run in a process of their own reach it by
 * `POST /script`, with a list of replies, and `POST /received`.
 */
export async function startScriptedBackend(): Promise<ScriptedBackend> {
  const upstream = await startScriptedUpstream();
  let replies: Reply[] = [];
  let received: ReceivedRequest[] = [];

  const script = (...next: Reply[]) => {
    replies = next;
    received = [];
  };
  upstream.play((request) => {
    if (request.path === "/script") {
      script(...(JSON.parse(request.body) as Reply[]));
      return json(200, {});
    }
    if (request.path === "/received") return json(200, received);
    const answer = answers[request.path];
    if (answer === undefined) return json(404, { error: { message: "no such route" } });
    const body = JSON.parse(request.body) as ReceivedBody;
    received.push({ path: request.path, body, results: answeredCalls(body.messages ?? []) });
    return answer(body, () => replies.shift());
  });

  return {
    url: new URL(upstream.baseUrl).origin,
    script,
    received: () => received,
    close: () => upstream.close(),
  };
}

/** Pairs by the rule of OpenAI: results come right after the message with their calls, by id. */
function answeredCalls(messages: ReceivedMessage[]): AnsweredCall[] {
  let open: ReceivedMessage["tool_calls"] = [];
  return messages.flatMap((message) => {
    if (message.role !== "tool") {
      open = message.tool_calls ?? [];
      return [];
    }
    const answered = open?.find(({ id }) => id === message.tool_call_id);
    open = open?.filter((call) => call !== answered);
    return {
      call: answered?.function.name,
      arguments: answered && (JSON.parse(answered.function.arguments) as unknown),
      result: message.content,
    };
  });
}

type Answer = (body: ReceivedBody, nextReply: () => Reply | undefined) => Script;

const answers: Record<RecordedRequest["path"], Answer> = {
  "/v1/chat/completions": (_, nextReply) => speak(nextReply(), chatEvents),
  "/v1/completions": (_, nextReply) => speak(nextReply(), completionEvents),
  "/v1/embeddings": ({ input }, nextReply) => {
    const { status = 200, body, withoutUsage } = nextReply() ?? {};
    if (body !== undefined) return json(status, body);
    const { data, usage: figures } = embeddings([input].flat().map(String));
    return json(200, withoutUsage ? { data } : { data, usage: figures });
  },
};

function speak(reply: Reply | undefined, events: (reply: Reply) => object[]): Script {
  if (reply === undefined) return json(500, { error: { message: "there is no reply left" } });
  const { status = 200, body, wire, cut } = reply;
  if (body !== undefined) return json(status, body);
  const steps = wire?.map((step) => (typeof step === "string" ? step : sse(step))) ?? [
    ...events(reply).map((event) => sse(event)),
    sse("[DONE]"),
  ];
  return { steps: cut ? [...steps, { destroy: true }] : steps };
}

function chatEvents(reply: Reply): object[] {
  const { thinking = "", text = "", calls = [], logprobs = [], withoutUsage } = reply;
  return [
    chunk({ role: "assistant", content: "" }),
    ...words(thinking).map((word) => chunk({ reasoning_content: word })),
    ...words(text).map((word) => chunk({ content: word })),
    ...logprobs.map((entry) => withLogprob(chunk({ content: entry.token }), entry)),
    ...calls.flatMap(callEvents),
    chunk({}, calls.length > 0 ? "tool_calls" : "stop"),
    ...(withoutUsage ? [] : [{ ...chunk(null), choices: [], usage }]),
  ];
}

function withLogprob(event: ReturnType<typeof chunk>, entry: object): object {
  const choices = event.choices.map((choice) => ({ ...choice, logprobs: { content: [entry] } }));
  return { ...event, choices };
}

/** As OpenAI streams a call: its name first, then its arguments in pieces. */
function callEvents(call: { name: string; arguments: object }, index: number): object[] {
  const { name } = call;
  const text = JSON.stringify(call.arguments);
  const id = `call_${index}_of_the_backend`;
  const start = { index, id, type: "function", function: { name, arguments: "" } };
  const pieces = [text.slice(0, 3), text.slice(3)].map((piece) => ({
    index,
    function: { arguments: piece },
  }));
  return [start, ...pieces].map((piece) => chunk({ tool_calls: [piece] }));
}

function completionEvents({ text = "" }: Reply): object[] {
  const event = (piece: string, finish_reason: string | null) => ({
    id: "cmpl-1",
    object: "text_completion",
    created: 1_700_000_000,
    model: "m",
    choices: [{ index: 0, text: piece, finish_reason, logprobs: null }],
  });
  return [
    ...words(text).map((word) => event(word, null)),
    event("", "stop"),
    { ...event("", null), choices: [], usage },
  ];
}

/** Vectors that tell their texts apart and are not of length 1. */
function embeddings(texts: string[]) {
  return {
    data: texts.map((text, index) => ({
      object: "embedding",
      index,
      embedding: [text.length, 2, -1],
    })),
    usage: { prompt_tokens: texts.length * 3, total_tokens: texts.length * 3 },
  };
}

function words(text: string): string[] {
  return text.match(/\s*\S+|\s+$/gu) ?? [];
}
