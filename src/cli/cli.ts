import { Command } from "commander";
import { otherVariables, variables } from "../config/environment.ts";
import { configurationJsonSchema } from "../config/json-schema.ts";
import { ConfigError } from "../config/config-error.ts";
import { check, type CheckOptions } from "./check.ts";
import type { ConfigurationOptions } from "./configuration.ts";
import { serve, type Terminal } from "./serve.ts";

const configOption = [
  "-c, --config <file>",
  "configuration file (YAML); default ./ollama-openai-proxy.yaml",
] as const;

/** Runs the command line; every expected failure is a sentence, not a stack. */
export async function runCli(
  argv: readonly string[],
  terminal: Terminal,
  version: string,
): Promise<void> {
  const program = new Command("ollama-openai-proxy")
    .description("The complete Ollama API in front of any OpenAI-compatible backend.")
    .version(version)
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .exitOverride();
  program
    .command("serve", { isDefault: true })
    .description("serve the Ollama API (this is what happens without a command)")
    .option(...configOption)
    .option("-l, --listen <address>", "address to listen on; default 127.0.0.1:11434")
    .addHelpText("after", () => environmentHelp())
    .action((options: ConfigurationOptions) => serve(options, terminal));
  program
    .command("check")
    .description("tell what each backend is, can do and refuses")
    .option(...configOption)
    .option("-m, --model <name>", "model to ask; default the first of each backend")
    .option("--no-request", "ask no model: nothing that costs tokens")
    .option("--json", "print JSON, for scripts")
    .addHelpText("after", () => environmentHelp())
    .action((options: CheckOptions) => check(options, terminal));
  program
    .command("schema")
    .description("print the JSON schema of the configuration file, for editors")
    .action(() => {
      terminal.stdout.write(`${JSON.stringify(configurationJsonSchema(), null, 2)}\n`);
    });
  program.addHelpText("after", () => environmentHelp());
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    terminal.exit(report(error, terminal));
  }
}

function report(error: unknown, terminal: Terminal): number {
  if (error instanceof ConfigError) {
    terminal.stderr.write(`${error.message}\n`);
    return 2;
  }
  const { exitCode, message, code } = error as {
    exitCode?: number;
    message?: string;
    code?: string;
  };
  if (code?.startsWith("commander.") === true) return exitCode ?? 1;
  terminal.stderr.write(`ollama-openai-proxy failed: ${message ?? String(error)}\n`);
  return 1;
}

function environmentHelp(): string {
  const meanings = [
    ...Object.entries(otherVariables),
    ...variables.map(({ name, describe }) => [name, describe] as const),
  ];
  return [
    "",
    "Environment:",
    ...meanings.map(([name, meaning]) => `  ${name.padEnd(24)}${meaning}`),
    "",
  ].join("\n");
}
