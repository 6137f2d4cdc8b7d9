import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../support/source-files.ts";
import type { Exchange } from "../request-recorder.ts";
import type { Finished } from "./child-process.ts";

const folder = join(root, "../shared/golden/cli");

/** Transcripts of real Ollama are here to compare with. */
export const hasTranscripts = existsSync(folder);

export interface Transcript extends Finished {
  exchanges: Exchange[];
}

/** What a command printed and asked when it spoke to a real Ollama. */
export function readTranscript(name: string): Transcript {
  const text = readFileSync(join(folder, name), "utf8");
  const exitCode = /(?:^# \$ .* exit code |^EXIT=)(?<code>\d+)$/m.exec(text)?.groups?.["code"];
  if (exitCode === undefined) throw new Error(`${name} is no transcript`);
  const wire = text.split("# --- wire, in order\n")[1] ?? "";
  return {
    exitCode: Number(exitCode),
    stdout: section(text, "# --- output (stdout)\n"),
    stderr: section(text, "# --- stderr\n"),
    exchanges: wire
      .split(/^=== #/m)
      .slice(1)
      .map(parseExchange),
  };
}

/** From a heading to the next, less the newline that ends every section. */
function section(text: string, heading: string): string {
  const [, rest] = text.split(heading);
  return rest?.split(/^# --- /m)[0]?.replace(/\n$/, "") ?? "";
}

function parseExchange(text: string): Exchange {
  const sent = linesAfter(text, "> ");
  const received = linesAfter(text, "< ");
  const [method = "", path = ""] = sent[0]?.split(" ") ?? [];
  return {
    method,
    path,
    // A body comes after the bare ">" that ends the headers.
    body: /^>\n> (?<body>.*)$/m.exec(text)?.groups?.["body"] ?? "",
    status: Number(received[0]?.split(" ")[0]),
    contentType:
      received.find((line) => line.startsWith("Content-Type: "))?.replace("Content-Type: ", "") ??
      "",
  };
}

function linesAfter(text: string, mark: string): string[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith(mark))
    .map((line) => line.slice(mark.length));
}
