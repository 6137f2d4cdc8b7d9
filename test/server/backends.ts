import { onTestFinished } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type RecordedRequest,
  type Script,
  type ScriptedUpstream,
  type ScriptedUpstreamOptions,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { call, type Called } from "./call.ts";

type UpstreamFile = NonNullable<ConfigFile["upstreams"]>[number];
type Play = Parameters<ScriptedUpstream["play"]>[0];

/** A whole answer of one word. */
export const says = (text: string): Script => ({
  steps: [sse(chunk({ content: text }), chunk({}, "stop"), "[DONE]")],
});

export const refuses = (
  status: number,
  message: string,
  headers: Record<string, string> = {},
): Script => json(status, { error: { message } }, headers);

/** It has done no work, and may again answer soon: whatever is asked of it, another may be asked. */
export const overloaded = refuses(502, "overloaded");

/** A first word, and then no other. */
export const unending: Script = { steps: [sse(chunk({ content: "…" })), { hang: true }] };

/** Scripts one after the other; the last one stays. */
export function inTurn(...scripts: readonly [Script, ...Script[]]): () => Script {
  let turn = 0;
  return () => scripts[Math.min(turn++, scripts.length - 1)] ?? scripts[0];
}

/** A backend that is there until the test ends. */
export async function backend(
  play: Play,
  options: ScriptedUpstreamOptions = {},
): Promise<ScriptedUpstream> {
  const upstream = await startScriptedUpstream(options);
  upstream.play(play);
  onTestFinished(() => upstream.close());
  return upstream;
}

/** The models of an OpenAI-compatible backend. */
export const serving = (...ids: readonly string[]) => ({ models: ids.map((id) => ({ id })) });

/** As the configuration has it; of a known kind, so that nothing is asked to find it out. */
export function described(
  id: string,
  { baseUrl }: Pick<ScriptedUpstream, "baseUrl">,
  own: Partial<UpstreamFile> = {},
): UpstreamFile {
  return { id, base_url: baseUrl, dialect: "generic-local", ...own };
}

/** A proxy that is there until the test ends. */
export async function proxyOf(config: ConfigFile): Promise<StartedProxy> {
  const proxy = await startProxy({ config: { health: { interval: 0 }, ...config } });
  onTestFinished(() => proxy.close());
  return proxy;
}

/** What a client got, and from whom. */
export interface Said {
  readonly status: number;
  /** The text of the answer, or of the error. */
  readonly text: string;
  readonly by: string | undefined;
  /** Requests that went to backends. */
  readonly tries: number;
  readonly retryAfter: string | undefined;
}

export const messages = [{ role: "user", content: "hi" }];

/** Asks in one piece. */
export async function chat(
  { port }: Pick<StartedProxy, "port">,
  more: object = {},
  headers: Record<string, string> = {},
): Promise<Said> {
  const body = JSON.stringify({ model: "m", messages, stream: false, ...more });
  return readSaid(await call({ port, path: "/api/chat", headers, body }));
}

function readSaid({ status, headers, body }: Called): Said {
  const { message, error } = JSON.parse(body) as { message?: { content: string }; error?: string };
  return {
    status,
    text: message?.content ?? error ?? "",
    by: headers["x-proxy-upstream"] as string | undefined,
    tries: Number(headers["x-proxy-attempts"] ?? 0),
    retryAfter: headers["retry-after"],
  };
}

/** What a backend was sent, the last time if not told otherwise. */
export function sent({ requests }: ScriptedUpstream, place = -1): SentBody {
  return JSON.parse(requests.at(place)?.body ?? "{}") as SentBody;
}

interface SentBody {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly [field: string]: unknown;
}

/** The keys that came with requests, in their order. */
export function keysOf({ requests }: { requests: readonly RecordedRequest[] }): string[] {
  return requests.map(({ headers }) => headers["authorization"]?.replace("Bearer ", "") ?? "none");
}
