import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A question to real Ollama and its answer. */
export interface RecordedAnswer {
  case: string;
  method: string;
  path: string;
  /** As curl's `-H` takes them; `Name;` is a header without a value. */
  headers?: string[];
  /** Bytes that are no UTF-8 are written `\xNN`. */
  body?: string;
  status: number;
  reply_headers: Record<string, string>;
  /** A line `…` stands for lines that were not kept. */
  reply: string;
}

/** A question to real Ollama while its model runner was a scripted OpenAI backend. */
export interface RecordedStream {
  case: string;
  path: string;
  body: string;
  script: string;
  upstream_requests: string[];
  status?: number;
  content_type?: string;
  reply?: string;
}

type RecordedStep = string | { hex: string } | { wait: number } | { destroy: true };

/** What the scripted backend sent; `null` steps were too long to keep. */
export interface RecordedScript {
  status: number;
  headers: Record<string, string>;
  steps: RecordedStep[] | null;
}

const FOLDER = new URL("../../../shared/golden/", import.meta.url);

/** The recordings lie beside the repository; without them these tests are skipped. */
export const haveRecordings = existsSync(fileURLToPath(FOLDER));

export const recordedAnswers: RecordedAnswer[] = readLines("answers.jsonl");
/** Scripts named `g-…` ran on a path of real Ollama that has no counterpart here. */
export const recordedStreams: RecordedStream[] = readLines<RecordedStream>("streams.jsonl").filter(
  ({ script }) => !script.startsWith("g-"),
);
export const recordedScripts: Record<string, RecordedScript> = haveRecordings
  ? JSON.parse(read("scripts.json"))
  : {};

function readLines<Row>(name: string): Row[] {
  if (!haveRecordings) return [];
  const lines = read(name).trimEnd().split("\n");
  return lines.map((line): Row => JSON.parse(line));
}

function read(name: string): string {
  return readFileSync(new URL(name, FOLDER), "utf8");
}
