import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { checkAnswer, type Answer, type Describe } from "../../scripts/validate/answer.mjs";
import { readDescription } from "../../scripts/validate/openapi.mjs";

export type { Answer };

const DESCRIPTION = fileURLToPath(
  new URL("../../../shared/contract/ollama-openapi.yaml", import.meta.url),
);

/** Ollama's own description of its API, where it lies beside the repository. */
export const description: { path: string; check: Describe } | undefined = existsSync(DESCRIPTION)
  ? { path: DESCRIPTION, check: readDescription(DESCRIPTION) }
  : undefined;

/**
 * Checks each object of an answer against our schemas, and against Ollama's description when it is
 * there. The answer says of what kinds they were.
 */
export function checkContract(answer: Answer): string[] {
  const findings = checkAnswer(answer, description?.check);
  const problems = findings.flatMap(({ where, kind, problems: list }) =>
    list.map((problem) => `${where} (${kind}): ${problem}`),
  );
  if (problems.length > 0) {
    const title = `${answer.method} ${answer.path} ${answer.status}`;
    throw new Error(`${title} breaks the contract:\n${problems.join("\n")}\n${answer.text}`);
  }
  return findings.map(({ kind }) => kind);
}
