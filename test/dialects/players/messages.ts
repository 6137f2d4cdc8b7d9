import {
  list,
  record,
  Refused,
  text,
  type HeardMessage,
  type Json,
  type MessageManners,
} from "./backend.ts";

/** The messages as this backend understands them. @throws Refused */
export function hearMessages(value: unknown, manners: MessageManners): HeardMessage[] {
  return list(value)
    .map(record)
    .map((message, at) => hearMessage(message, at, manners));
}

function hearMessage(message: Json, at: number, manners: MessageManners): HeardMessage {
  const strange = Object.keys(message).find((name) => manners.only?.includes(name) === false);
  if (strange !== undefined) {
    throw (
      manners.refusal?.(`messages[${at}].${strange}`) ??
      new Refused(`Extra inputs are not permitted, field: 'messages[${at}].${strange}'`)
    );
  }
  const { content } = message;
  if (Array.isArray(content) && manners.plain === true)
    throw new Refused(`messages[${at}].content: Input should be a valid string`, { status: 422 });
  const parts = list(content).map(record);
  const thoughts = manners.thoughts
    ?.map((name) => message[name])
    .find((words) => words !== undefined);
  return {
    role: text(message["role"]),
    text: typeof content === "string" ? content : parts.map((part) => text(part["text"])).join(""),
    thoughts: typeof thoughts === "string" ? thoughts : undefined,
    images: parts.flatMap((part) => hearImage(part, manners)),
    audio: parts.flatMap((part) => hearAudio(part, manners)),
    calls: list(message["tool_calls"]).map((call) => {
      const { id, function: called } = record(call);
      const { name, arguments: given } = record(called);
      return { id: text(id), name: text(name), arguments: parse(given) };
    }),
    resultOf: typeof message["tool_call_id"] === "string" ? message["tool_call_id"] : undefined,
  };
}

function hearImage({ type, image_url }: Json, { images }: MessageManners): HeardMessage["images"] {
  if (type !== "image_url") return [];
  const url = typeof image_url === "string" ? image_url : text(record(image_url)["url"]);
  const [, mediaType = "", base64 = ""] = /^data:([^;]*);base64,(.*)$/s.exec(url) ?? [];
  if (images.length === 0)
    throw new Refused("unknown variant `image_url`, expected `text`", { param: "messages" });
  if (!images.includes(mediaType))
    throw new Refused(`unsupported image type '${mediaType}'`, { param: "messages" });
  return [{ mediaType, base64 }];
}

function hearAudio({ type, input_audio }: Json, { audio }: MessageManners): HeardMessage["audio"] {
  if (type !== "input_audio" || audio === "stripped") return [];
  const given = typeof input_audio === "string" ? "base64" : "object";
  if (audio !== given)
    throw new Refused("unknown variant `input_audio`, expected `text`", { param: "messages" });
  return [{ base64: given === "base64" ? text(input_audio) : text(record(input_audio)["data"]) }];
}

/** Text, or an object where the backend takes one. */
function parse(given: unknown): Json {
  try {
    return typeof given === "string" ? record(JSON.parse(given)) : record(given);
  } catch {
    throw new Refused("invalid tool call arguments", { param: "messages" });
  }
}
