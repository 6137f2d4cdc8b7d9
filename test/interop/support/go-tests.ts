import type { Finished } from "./child-process.ts";
import type { ExternalRun, ExternalTest } from "./external-tests.ts";

interface GoEvent {
  Action: string;
  Test?: string;
  Output?: string;
}

/** Go's caches are where the script that installs the tools has put them. */
export function goEnvironment(): Record<string, string> {
  const names = ["GOMODCACHE", "GOCACHE", "HOME"];
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? ""]));
}

const outcomes: Record<string, ExternalTest["outcome"]> = {
  pass: "passed",
  fail: "failed",
  skip: "skipped",
};

/** Reads the events that `go test -json` and `go tool test2json` print. */
export function readGoTests({ exitCode, stdout, stderr }: Finished): ExternalRun {
  const tests = new Map<string, ExternalTest>();
  const printed = new Map<string, string>();
  let output = stderr;
  for (const line of stdout.split("\n")) {
    const event = parseEvent(line);
    if (event === undefined) output += `${line}\n`;
    else if (event.Action === "output" && event.Test === undefined) output += event.Output ?? "";
    else if (event.Test !== undefined) {
      printed.set(event.Test, (printed.get(event.Test) ?? "") + (event.Output ?? ""));
      const outcome = outcomes[event.Action];
      if (outcome) tests.set(event.Test, { name: event.Test, outcome, output: "" });
    }
  }
  const results = [...tests.values()].map((result) => ({
    ...result,
    output: printed.get(result.name) ?? "",
  }));
  return { exitCode, output, tests: results.filter((result) => isOwnResult(result, results)) };
}

/** A test with subtests says nothing of its own, unless it alone has failed. */
function isOwnResult({ name, outcome }: ExternalTest, results: readonly ExternalTest[]): boolean {
  const subtests = results.filter((other) => other.name.startsWith(`${name}/`));
  if (subtests.length === 0) return true;
  return outcome === "failed" && subtests.every((subtest) => subtest.outcome !== "failed");
}

function parseEvent(line: string): GoEvent | undefined {
  try {
    const event: unknown = JSON.parse(line);
    return isEvent(event) ? event : undefined;
  } catch {
    return undefined;
  }
}

function isEvent(value: unknown): value is GoEvent {
  return typeof value === "object" && value !== null && "Action" in value;
}
