/** What the backend itself answers: the yardstick for every text that comes through the proxy. */
export interface DirectAnswer {
  content: string;
  thinking: string;
}

interface Reply {
  choices: { message: { content?: string | null; reasoning_content?: string } }[];
}

export async function askBackend(
  baseUrl: string,
  prompt: string,
  fields: object = {},
): Promise<DirectAnswer> {
  const response = await fetch(`${baseUrl}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ messages: [{ role: "user", content: prompt }], ...fields }),
  });
  if (!response.ok) throw new Error(await response.text());
  const reply: unknown = await response.json();
  const message = isReply(reply) ? reply.choices[0]?.message : undefined;
  if (message === undefined) throw new Error("the backend sent no choice");
  return { content: message.content ?? "", thinking: message.reasoning_content ?? "" };
}

function isReply(value: unknown): value is Reply {
  return typeof value === "object" && value !== null && "choices" in value;
}
