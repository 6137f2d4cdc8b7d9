import { list, type Heard, type Json, type Route } from "./backend.ts";

const width = 8;

/** The vector that every backend gives a text: not of length 1, so that who normalises is seen. */
export function vectorOf(text: string): number[] {
  return Array.from(
    { length: width },
    (_, at) => (text.charCodeAt(at % text.length) % 17) + at - 6,
  );
}

export function embeddingAnswer({ body, fields }: Heard, form: Route["vectors"]): Json {
  const texts = typeof body["input"] === "string" ? [body["input"]] : list(body["input"]);
  const dimensions = typeof fields["dimensions"] === "number" ? fields["dimensions"] : width;
  const vectors = texts.map((text) => vectorOf(String(text)).slice(0, dimensions));
  const write = form === "base64_int8" ? asInt8 : (vector: number[]) => vector;
  return {
    object: "list",
    model: body["model"],
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: write(vector),
    })),
    usage: { prompt_tokens: texts.length * 3, total_tokens: texts.length * 3 },
  };
}

function asInt8(vector: readonly number[]): string {
  return Buffer.from(Int8Array.from(vector)).toString("base64");
}
