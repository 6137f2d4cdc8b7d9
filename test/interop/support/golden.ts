import { basename } from "node:path";
import { readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { maskOwn } from "./masks.ts";
import type { CommandRun } from "./ollama-command.ts";
import { interopFile } from "./tools.ts";

/**
 * `127.0.0.1:PORT` of a real Ollama: the commands are sent there, and what they print becomes the
 * golden files. How to is told in golden-cli/README.md.
 */
export const realOllama = process.env["INTEROP_REAL_OLLAMA"];

/** The command must have asked, printed and ended as it did with real Ollama. */
export function expectGolden(name: string, options: readonly string[], run: CommandRun): void {
  const file = interopFile(`golden-cli/${name}.txt`);
  const text = render(options, run);
  if (realOllama !== undefined) writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, "utf8"));
}

function render(
  options: readonly string[],
  { exitCode, stdout, stderr, exchanges }: CommandRun,
): string {
  const typed = options.map((option) => (option.startsWith("/") ? basename(option) : option));
  const isAnswer = options[0] === "run" && exitCode === 0;
  return [
    `$ ollama ${typed.join(" ")}`,
    `exit code ${exitCode}`,
    "--- requests",
    ...exchanges.map(({ method, path, status, contentType, body }) =>
      // Ollama names the charset of some JSON and of some not.
      [method, path, status, contentType.replace(/;.*/, ""), body].join(" ").trimEnd(),
    ),
    "--- output",
    ...(isAnswer ? ["<answer>"] : maskOwn(stdout)),
    "--- errors",
    ...maskOwn(stderr),
    "",
  ].join("\n");
}
