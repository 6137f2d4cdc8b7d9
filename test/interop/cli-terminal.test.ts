import { beforeAll, describe, expect, test } from "vitest";
import type { Exchange } from "./request-recorder.ts";
import { askBackend } from "./support/backend.ts";
import { startCommandLineWorld, type CommandLineWorld } from "./support/command-line-world.ts";
import { maskTable } from "./support/masks.ts";
import { openTerminal, type Terminal } from "./support/terminal.ts";
import { tool } from "./support/tools.ts";
import { hasTranscripts, readTranscript } from "./support/transcript.ts";

let world: CommandLineWorld;
let terminal: Terminal;
beforeAll(async () => {
  world = await startCommandLineWorld();
  terminal = openTerminal({ ...world.ollama.environment, OLLAMA: tool("ollama") });
  return async () => {
    terminal.close();
    await world.close();
  };
});

interface ScreenRun {
  exitCode: number;
  text: string;
  exchanges: Exchange[];
}

let runs = 0;

/** Types a command, waits for its end, and answers what it left on the screen. */
async function runOnScreen(command: string): Promise<ScreenRun> {
  world.ollama.takeExchanges();
  const mark = `run ${(runs += 1)} ended with `; // not to be taken for the one before
  terminal.type(`printf '\\033[2J\\033[H'; "$OLLAMA" ${command}; echo "${mark}$?"`);
  const screen = await terminal.waitFor(new RegExp(`^${mark}\\d+\n`, "m"));
  const [text = "", exitCode] = screen.split(mark);
  return {
    text,
    exitCode: Number.parseInt(exitCode ?? ""),
    exchanges: world.ollama.takeExchanges(),
  };
}

const summarize = ({ method, path, status }: Exchange) => `${method} ${path} ${status}`;

/** Lines are wrapped where the screen ends: the blanks say nothing. */
const squeeze = (text: string) => text.trim().split(/\s+/).join(" ");

describe("ollama list", () => {
  let run: ScreenRun;
  beforeAll(async () => {
    run = await runOnScreen("list");
  });

  test("prints the table", () => {
    expect(run.exitCode, run.text).toBe(0);
    expect(maskTable(run.text)).toEqual([
      ["NAME", "ID", "SIZE", "MODIFIED"],
      ["<name>", "<id>", "<size>", "<when>"],
    ]);
  });

  test.skipIf(!hasTranscripts)("as with real Ollama", () => {
    const real = readTranscript("list-tty.txt");
    expect(run.exchanges).toMatchObject(real.exchanges);
    expect(maskTable(run.text)).toEqual(maskTable(real.stdout));
  });
});

describe("ollama run with a prompt", () => {
  let run: ScreenRun;
  beforeAll(async () => {
    run = await runOnScreen("run smol 'Say hello in five words.'");
  });

  test("shows the very text that the backend sends", async () => {
    const direct = await askBackend(world.smol.baseUrl, "Say hello in five words.");
    expect(run.exitCode, run.text).toBe(0);
    expect(squeeze(run.text)).toBe(squeeze(direct.content));
  });

  test.skipIf(!hasTranscripts)("asks as with real Ollama", () => {
    expect(run.exchanges).toMatchObject(readTranscript("run-tty-arg.txt").exchanges);
  });
});

test("ollama run --think shows the thinking and then the answer", async () => {
  const prompt = "What is 3 plus 4?";
  const direct = await askBackend(world.smolThink.baseUrl, prompt);
  const run = await runOnScreen(`run --think smol-think '${prompt}'`);
  expect(run.exitCode, run.text).toBe(0);
  expect(squeeze(run.text)).toBe(
    squeeze(`Thinking... ${direct.thinking} ...done thinking. ${direct.content}`),
  );
});

test("ollama run of an unknown model ends with exit code 1", async () => {
  const run = await runOnScreen("run nope hi");
  expect(run.exitCode, run.text).toBe(1);
  expect(run.text).toMatch(/^Error: ./m);
});

describe("ollama run as a conversation", () => {
  const questions = ["My name is Bob.", "What is my name?"];
  const answers: string[] = [];
  let info: string;
  let exchanges: Exchange[];

  beforeAll(async () => {
    world.ollama.takeExchanges();
    terminal.type(`printf '\\033[2J\\033[H'; "$OLLAMA" run smol; echo "exit code $?"`);
    await terminal.waitFor(/^>>> /m);
    for (const question of questions) answers.push(await say(question));
    info = await say("/show info");
    terminal.type("/bye");
    await terminal.waitFor(/^exit code 0\n/m);
    exchanges = world.ollama.takeExchanges();
  });

  test("shows the very texts that the backend sends", async () => {
    const [first, second] = answers;
    const direct = await askBackend(world.smol.baseUrl, questions[0] ?? "");
    expect(first).toBe(squeeze(direct.content));
    const next = await askBackend(world.smol.baseUrl, "", {
      messages: [
        { role: "user", content: questions[0] },
        { role: "assistant", content: direct.content },
        { role: "user", content: questions[1] },
      ],
    });
    expect(second).toBe(squeeze(next.content));
  });

  test("/show info tells of the model", () => {
    for (const part of ["Model", "architecture", "parameters 134.52M", "Capabilities completion"]) {
      expect(info).toContain(part);
    }
  });

  test("asks in order", () => {
    expect(exchanges.map(summarize)).toEqual([
      "HEAD / 200",
      "POST /api/show 200",
      "POST /api/show 200",
      "POST /api/generate 200",
      "POST /api/chat 200",
      "POST /api/chat 200",
      "POST /api/show 200",
    ]);
  });

  test.skipIf(!hasTranscripts)("asks as with real Ollama", () => {
    const real = readTranscript("run-interactive.txt").exchanges.slice(0, exchanges.length);
    expect(exchanges.map(withoutAnswers)).toMatchObject(real.map(withoutAnswers));
  });

  /** The model's name and what it has said are not the same there. */
  function withoutAnswers({ body, ...exchange }: Exchange) {
    const masked = body
      .replaceAll("smolx", "smol")
      .replaceAll(/"role":"assistant","content":"(?:[^"\\]|\\.)*"/g, '"role":"assistant"');
    return { ...exchange, body: masked };
  }
});

/** Types a line at the prompt, and answers what is shown before the next prompt. */
async function say(text: string): Promise<string> {
  terminal.type(text);
  const escaped = text.replaceAll(/[^\w ]/g, String.raw`\$&`);
  const screen = await terminal.waitFor(
    new RegExp(`^>>> ${escaped}\n[^]*^>>> Send a message`, "m"),
  );
  const [, after = ""] = screen.split(`>>> ${text}\n`);
  return squeeze(after.split("\n>>> ")[0] ?? "");
}
