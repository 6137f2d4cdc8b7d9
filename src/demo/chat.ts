import { type Answer, createHead } from "./answer.ts";
import { readChatRequest, readIncludeUsage } from "./chat-request.ts";
import { toChunks, toCompletion } from "./chat-stream.ts";
import type { JsonObject } from "./json-values.ts";
import { requireModel } from "./models.ts";
import { composeReply } from "./replies.ts";

export function answerChat(body: JsonObject): Answer {
  const head = createHead("chatcmpl", requireModel(body["model"], "completion"));
  const request = readChatRequest(body);
  const reply = composeReply(request);
  return body["stream"] === true
    ? { events: toChunks(head, request, reply, readIncludeUsage(body)) }
    : { json: toCompletion(head, request, reply) };
}
