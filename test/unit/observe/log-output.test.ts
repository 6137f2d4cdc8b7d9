import { createWriteStream, existsSync } from "node:fs";
import { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createLogger } from "../../../src/observe/logger.ts";

/** Keeps what is written, and takes no more while nobody reads. */
function reader(): Writable & { text: string; read: () => void } {
  const taken: (() => void)[] = [];
  let isReading = false;
  const output = Object.assign(
    new Writable({
      write(chunk: Buffer, _, done) {
        output.text += chunk.toString();
        if (isReading) done();
        else taken.push(done);
      },
    }),
    {
      text: "",
      read: () => {
        isReading = true;
        taken.shift()?.();
      },
    },
  );
  return output;
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries += 1) await sleep(10);
  expect(condition()).toBe(true);
}

describe.each([
  ["json", false],
  ["text", true],
])("a log as %s", (_format, text) => {
  test("has one line an event, with nothing in it that a terminal obeys", async () => {
    const output = reader();
    output.read();
    const log = createLogger({ level: "info", text, output });
    log.info({ model: "a\u001b[2J\r\n\u0085\u2028\u202eb" }, "hel\u001b[31mlo\u202e");
    log.debug({}, "not told");
    await until(() => output.text.includes("\n"));
    expect(output.text.endsWith("\n")).toBe(true);
    const line = output.text.slice(0, -1);
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(line).toContain(String.raw`a\u001b[2J\r\n\u0085\u2028\u202eb`);
    // The printer of text leaves the escape character out.
    expect(line).toMatch(/hel(\\u001b)?\[31mlo\\u202e/);
  });

  test("drops lines that nobody takes, counts them, and goes on once somebody does", async () => {
    const output = reader();
    const log = createLogger({ level: "info", text, output });
    for (let i = 0; i < 20_000; i += 1) log.info({ fill: "x".repeat(1_000) }, `line ${i}`);
    const dropped = log.dropped();
    expect(dropped).toBeGreaterThan(10_000);
    expect(output.writableLength).toBeLessThan(8 * 1024 * 1024);
    output.read();
    await until(() => output.writableLength === 0);
    log.info({}, "back again");
    await until(() => output.text.includes("back again"));
    expect(output.text.split("\n")).toHaveLength(20_000 - dropped + 2);
    expect(log.dropped()).toBe(dropped);
  });
});

test.skipIf(!existsSync("/dev/full"))("a full disk loses lines and nothing else", async () => {
  const output = createWriteStream("/dev/full");
  const log = createLogger({ level: "info", text: false, output });
  log.info({}, "one");
  await until(() => log.dropped() === 1);
  log.info({}, "two");
  await until(() => log.dropped() === 2);
});
