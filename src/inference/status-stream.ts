import type { FastifyReply, FastifyRequest } from "fastify";
import type { Config } from "../config/schema.ts";
import { toProxyError } from "../errors.ts";
import { toJsonText } from "../server/json-text.ts";
import { errorBody, sendDocument } from "../server/responses.ts";
import { chooseStreamFormat } from "../server/stream-format.ts";
import { StreamWriter } from "../server/stream-writer.ts";

/** How far some work is, as Ollama's clients are told of it. */
export interface Status {
  readonly status: string;
  /** Of the file that the figures are about. */
  readonly digest?: string;
  /** Bytes. */
  readonly total?: number;
  /** Bytes. */
  readonly completed?: number;
}

/** Tells of itself as it goes on; the signal fires when the client has gone. */
export type Work = (signal: AbortSignal) => AsyncIterable<Status>;

export interface StatusExchange {
  readonly config: Config;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Else the client gets the last status only. */
  readonly stream: boolean;
}

/**
 * Does some work, and answers with what it tells of itself. A failure has its own HTTP status until
 * something was told; after that it is the last object of the stream.
 * @throws ProxyError when nothing was told
 */
export async function sendStatuses(exchange: StatusExchange, work: Work): Promise<FastifyReply> {
  const gone = new AbortController();
  exchange.reply.raw.once("close", () => gone.abort());
  return exchange.stream
    ? streamStatuses(exchange, work(gone.signal), gone.signal)
    : sendLast(exchange, work(gone.signal));
}

async function sendLast(
  { reply }: StatusExchange,
  statuses: AsyncIterable<Status>,
): Promise<FastifyReply> {
  let last: Status | undefined;
  for await (const status of statuses) last = status;
  return sendDocument(reply, toJsonText(last));
}

async function streamStatuses(
  { config, request, reply }: StatusExchange,
  statuses: AsyncIterable<Status>,
  gone: AbortSignal,
): Promise<FastifyReply> {
  let goOn: (() => void) | undefined;
  gone.addEventListener("abort", () => goOn?.());
  const writer = new StreamWriter(reply.raw, {
    format: chooseStreamFormat(config.stream_format, request.headers.accept),
    headers: () => reply.getHeaders() as Record<string, string>,
    writeStall: config.timeouts.write_stall,
    onDrain: () => goOn?.(),
    onStall: () => reply.raw.destroy(),
  });
  try {
    for await (const status of statuses) {
      if (gone.aborted) return reply;
      const isRead = writer.write(toJsonText(status));
      if (!isRead) await new Promise<void>((resolve) => (goOn = resolve));
    }
  } catch (error) {
    if (!writer.committed) throw error;
    writer.write(toJsonText(errorBody(toProxyError(error), "ollama")));
  }
  reply.hijack();
  writer.end();
  return reply;
}
