import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const width = "200";
const height = "60";

export interface Terminal {
  /** Types the text and presses Enter. */
  type(text: string): void;
  /** What is on the screen, without the blanks at the end of its lines. */
  screen(): string;
  /** Waits until the screen shows what is looked for, and answers it. */
  waitFor(what: RegExp): Promise<string>;
  close(): void;
}

/**
 * A shell on a real terminal. Ollama's command line asks its terminal for the background colour and
 * waits for seconds where nobody answers: tmux does.
 */
export function openTerminal(environment: Record<string, string>): Terminal {
  const folder = mkdtempSync(join(tmpdir(), "interop-tmux-"));
  const tmux = (...options: string[]): string => {
    const { status, stdout, stderr, error } = spawnSync(
      "tmux",
      ["-S", join(folder, "socket"), "-f", "/dev/null", ...options],
      { env: { ...environment, PS1: "$ " }, encoding: "utf8" },
    );
    if (error) throw error;
    if (status !== 0) throw new Error(`tmux ${options.join(" ")}: ${stderr}`);
    return stdout;
  };
  const close = () => {
    spawnSync("tmux", ["-S", join(folder, "socket"), "kill-server"]);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", close); // tmux is no child of ours: it would outlive a failed test
  tmux("new-session", "-d", "-x", width, "-y", height, "/bin/sh");

  const screen = () => tmux("capture-pane", "-p", "-J").replaceAll(/ +$/gm, "").trimEnd();
  return {
    type: (text) => {
      tmux("send-keys", "-l", text);
      tmux("send-keys", "Enter");
    },
    screen,
    waitFor: async (what) => {
      const deadline = Date.now() + 30_000;
      while (!what.test(screen())) {
        if (Date.now() > deadline) throw new Error(`${what} never came:\n${screen()}`);
        await sleep(50);
      }
      return screen();
    },
    close: () => {
      process.off("exit", close);
      close();
    },
  };
}
