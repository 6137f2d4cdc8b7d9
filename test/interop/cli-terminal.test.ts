import { beforeAll, describe, expect, test } from "vitest";
import type { Exchange } from "./request-recorder.ts";
import { askBackend } from "./support/backend.ts";
import { startCommandLineWorld, type CommandLineWorld } from "./support/command-line-world.ts";
import { maskTable } from "./support/masks.ts";
import { openTerminal, type Terminal } from "./support/terminal.ts";
import { interopFile, tool } from "./support/tools.ts";
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

describe("ollama run as a conversation with a model of the user's own", () => {
  const shown = new Map<string, string>();
  let exchanges: Exchange[];

  beforeAll(async () => {
    const file = interopFile("modelfiles/smolx.Modelfile");
    const created = await world.ollama.run(["create", "smolx", "-f", file]);
    expect(created.exitCode, created.stderr).toBe(0);
    await startConversation("smolx");
    for (const line of [
      "My name is Bob.",
      "What is my name?",
      "/show info",
      "/set parameter num_predict 5",
      "/set system You are a pirate.",
      "Who are you?",
      "/save smol5",
      "/show parameters",
      "/load smol",
      "/clear",
    ]) {
      shown.set(line, await say(line));
    }
    terminal.type("/bye");
    await terminal.waitFor(/^exit code 0\n/m);
    exchanges = world.ollama.takeExchanges();
  });

  const user = (content: string) => ({ role: "user", content });
  const assistant = (content: string) => ({ role: "assistant", content });
  const pirate = { role: "system", content: "You are a pirate." };

  /** What has been said when the model is saved. */
  async function conversation() {
    const turns: { role: string; content: string }[] = [];
    const ask = async (max_tokens: number) =>
      turns.push(assistant(await answerTo(turns, max_tokens)));
    turns.push(user("My name is Bob."));
    await ask(14);
    turns.push(user("What is my name?"));
    await ask(14);
    turns.push(pirate, user("Who are you?"));
    await ask(5);
    return turns;
  }

  async function answerTo(messages: object[], max_tokens: number): Promise<string> {
    return (await askBackend(world.smol.baseUrl, "", { messages, max_tokens })).content;
  }

  test("shows the very texts that the backend sends", async () => {
    const turns = await conversation();
    for (const [i, { role, content }] of turns.entries()) {
      const answer = turns.slice(i).find((turn) => turn.role === "assistant")?.content ?? "";
      if (role === "user") expect(shown.get(content)).toBe(squeeze(answer));
    }
  });

  test("/show info tells of the model", () => {
    for (const part of [
      "Model architecture",
      "parameters 134.52M",
      "Capabilities completion Parameters",
      "num_predict 14",
    ]) {
      expect(shown.get("/show info")).toContain(part);
    }
  });

  test("/show parameters tells the model's and the user's", () => {
    expect(shown.get("/show parameters")).toMatch(
      /^Model defined parameters: .*num_predict 14 .*seed 1 .*User defined parameters: num_predict 5$/,
    );
  });

  test.each([
    ["/set parameter num_predict 5", "Set parameter 'num_predict' to '5'"],
    ["/set system You are a pirate.", "Set system message."],
    ["/save smol5", "Created new model 'smol5'"],
    ["/load smol", "Loading model 'smol'"],
    ["/clear", "Cleared session context"],
  ])("%s is confirmed", (line, words) => {
    expect(shown.get(line)).toBe(words);
  });

  test("/save keeps the system text, the parameters and what has been said", async () => {
    const run = await world.ollama.run(["show", "--modelfile", "smol5"]);
    const lines = (await conversation()).map(({ role, content }) => `MESSAGE ${role} ${content}`);
    expect(run.stdout.split("\n")).toEqual(
      expect.arrayContaining(["SYSTEM You are a pirate.", "PARAMETER num_predict 5", ...lines]),
    );
  });

  test("what was saved goes on where it was", async () => {
    const question = "What do you want?";
    const run = await world.ollama.run(["run", "--nowordwrap", "smol5", question]);
    const messages = [pirate, ...(await conversation()), user(question)];
    expect(run.stdout).toBe(`${await answerTo(messages, 5)}\n\n`);
  });

  test.skipIf(!hasTranscripts)("asks as with real Ollama", () => {
    const real = readTranscript("run-interactive.txt").exchanges;
    expect(exchanges.slice(0, real.length).map(withoutAnswers)).toMatchObject(
      real.map(withoutAnswers),
    );
  });

  /** What the model has said is not the same there. */
  function withoutAnswers({ body, ...exchange }: Exchange) {
    const masked = body.replaceAll(
      /"role":"assistant","content":"(?:[^"\\]|\\.)*"/g,
      '"role":"assistant"',
    );
    return { ...exchange, body: masked };
  }
});

test("/save makes a model of a backend's", async () => {
  await startConversation("smol");
  expect(await say("/set system You are a pirate.")).toBe("Set system message.");
  expect(await say("/save pirate")).toBe("Created new model 'pirate'");
  terminal.type("/bye");
  await terminal.waitFor(/^exit code 0\n/m);
  const { stdout } = await world.ollama.run(["show", "--system", "pirate"]);
  expect(stdout).toBe("You are a pirate.");
});

async function startConversation(model: string): Promise<void> {
  world.ollama.takeExchanges();
  terminal.type(`printf '\\033[2J\\033[H'; "$OLLAMA" run ${model}; echo "exit code $?"`);
  await terminal.waitFor(/^>>> /m);
}

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
