import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { FileStore } from "../../src/models/file-store.ts";
import type { VirtualModel } from "../../src/models/virtual-model.ts";
import { age, dataDirectory, keepLogs } from "../support/data-directory.ts";

const CHILD = fileURLToPath(new URL("store-child.mjs", import.meta.url));
const BUILT = fileURLToPath(new URL("../../dist/models/file-store.js", import.meta.url));
/** How long a child may write, in milliseconds from its first write on. */
const LONGEST_LIFE = 60;
const isFull = process.env["FULL"] === "1";
/** Who owns nothing, on most systems. */
const NOBODY = 65_534;

const good: VirtualModel = {
  name: "good:latest",
  from: "smol",
  system: "You are good. ❤",
  parameters: { stop: ["a", "b"] },
  modified_at: "2026-01-02T03:04:05.678Z",
};

beforeAll(() => {
  if (!existsSync(BUILT)) throw new Error("dist/ is missing or old: npm run build");
});

function open(directory: string) {
  const log = keepLogs();
  return { log, store: new FileStore(directory, log) };
}

interface ChildOptions {
  readonly argument?: string;
  readonly input?: string;
  /** A command that runs it. */
  readonly by?: readonly string[];
}

/** Runs a task of the child to its end. */
function runChild(task: string, directory: string, options: ChildOptions = {}): unknown {
  const { argument = "", input = "", by = [] } = options;
  const [command, ...args] = [...by, process.execPath, CHILD, task, directory, argument];
  const { status, stdout, stderr } = spawnSync(command, args, { input, encoding: "utf8" });
  if (status !== 0) throw new Error(`${task} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

function works(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

describe("F-121: a process that is killed while it writes", () => {
  const kills = isFull ? 500 : 40;

  test(`${kills} times leaves the old state or the new`, { timeout: 600_000 }, async () => {
    const directory = dataDirectory();
    const models = join(directory, "models");
    let saved = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      const lastSaid = await writeUntilKilled(directory, saved + 1, Math.random() * LONGEST_LIFE);
      saved = lastSaid ?? saved;
      const { log, store } = open(directory);
      const found = await store.list();
      expect(found.map(({ name }) => name)).toEqual(["tim:latest"]);
      const text = found[0]?.system ?? "";
      const version = Number.parseInt(text, 10);
      expect([saved, saved + 1]).toContain(version);
      expect(text.length).toBe(`${version} `.length + (version % 1_024) * 1024);
      expect(log.lines).toEqual([]);
      saved = version;
    }

    const leftovers = readdirSync(models).filter((name) => name.endsWith(".tmp"));
    // Else no kill fell into a write, and nothing was shown.
    expect(leftovers.length).toBeGreaterThan(0);
    for (const name of leftovers) age(join(models, name), 3_600);
    await open(directory).store.list();
    expect(readdirSync(models)).toHaveLength(1);
    console.log(`${kills} kills, ${leftovers.length} of them inside a write, ${saved} writes`);
  });

  /** Kills it some time after its first write; returns the last version it said was saved. */
  function writeUntilKilled(directory: string, from: number, after: number) {
    const child = spawn(process.execPath, [CHILD, "write", directory, String(from)]);
    let output = "";
    let errors = "";
    child.stderr.on("data", (bytes: Buffer) => (errors += bytes.toString()));
    child.stdout.on("data", (bytes: Buffer) => {
      if (output === "") setTimeout(() => child.kill("SIGKILL"), after);
      output += bytes.toString();
    });
    return new Promise<number | undefined>((resolve, reject) => {
      child.on("close", (code) => {
        if (code === null) resolve(output.trim().split("\n").map(Number).at(-1));
        else reject(new Error(`it ended by itself with ${code}: ${errors}`));
      });
    });
  }
});

describe("F-121: a disk", () => {
  test("that is full costs no model, and is told", ({ skip }) => {
    const mount = 'mount -t tmpfs -o size=256k none "$0" && exec "$@"';
    const canMount = works("unshare", "-rm", "sh", "-c", mount, dataDirectory(), "true");
    skip(!canMount, "this system lets nobody mount a small disk");
    const directory = dataDirectory();
    const result = runChild("fill", directory, {
      by: ["unshare", "-rm", "sh", "-c", mount, directory],
    });
    const { saved } = result as { saved: string[] };
    expect(saved.length).toBeGreaterThan(3);
    expect(result).toEqual({
      saved,
      kept: saved.toSorted(),
      whole: true,
      refusals: {
        put: "store_failed: the model could not be saved: the disk is full",
        replaced: "store_failed: the model could not be saved: the disk is full",
        blob: "store_failed: the blob could not be saved: the disk is full",
      },
      afterwards: "done",
      problems: [],
    });
  });

  test("that takes only a part of a file keeps the old one", ({ skip }) => {
    skip(!works("bash", "-c", "ulimit -f 16"), "this system has no limit for files");
    const directory = dataDirectory();
    const limited = ["bash", "-c", 'ulimit -f 16 && exec "$0" "$@"'];
    expect(runChild("limit", directory, { by: limited })).toEqual({
      replaced:
        "store_failed: the model could not be saved: the file is larger than the system allows",
      blob: "store_failed: the blob could not be saved: the file is larger than the system allows",
      kept: [true],
      smaller: "done",
      problems: [],
    });
    expect(readdirSync(join(directory, "models"))).toHaveLength(1);
    expect(readdirSync(join(directory, "blobs"))).toEqual([]);
  });
});

describe("F-121: a directory that can't be written to", () => {
  test("is still read", async ({ skip }) => {
    skip(process.getuid === undefined, "this system has no users");
    const directory = dataDirectory();
    const models = join(directory, "models");
    await open(directory).store.put({ ...good, name: "tim" });
    if (process.getuid?.() === 0) {
      for (const name of readdirSync(models)) chownSync(join(models, name), NOBODY, NOBODY);
      chownSync(models, NOBODY, NOBODY);
    }
    writeFileSync(join(models, "broken.json"), "{");
    chmodSync(join(models, "broken.json"), 0o644);
    age(join(models, "broken.json"), 10);
    for (const path of [models, directory]) chmodSync(path, 0o555);
    onTestFinished(() => {
      for (const path of [directory, models]) chmodSync(path, 0o700);
    });
    const forbidden = "the data directory can't be written to";
    expect(runChild("unwritable", directory, { argument: String(NOBODY) })).toEqual({
      before: ["tim:latest"],
      put: `store_failed: the model could not be saved: ${forbidden}`,
      replaced: `store_failed: the model could not be saved: ${forbidden}`,
      deleted: `store_failed: the model could not be deleted: ${forbidden}`,
      blob: `store_failed: the blob could not be saved: ${forbidden}`,
      after: ["tim:latest"],
      problems: ["EACCES"],
    });
  });
});

describe("F-122: a file", () => {
  /** The good model's file with this in it instead, long at rest, and what a new store makes of it. */
  async function readInstead(content: string | Buffer) {
    const directory = dataDirectory();
    await open(directory).store.put(good);
    const [name = ""] = readdirSync(join(directory, "models"));
    const path = join(directory, "models", name);
    writeFileSync(path, content);
    age(path, 10);
    const { log, store } = open(directory);
    return {
      found: await store.list(),
      defects: log.lines.map(({ fields }) => fields["defect"]),
      logged: JSON.stringify(log.lines),
      aside: readdirSync(join(directory, "models")).filter((file) => file.startsWith(".corrupt-")),
    };
  }

  const text = JSON.stringify(good);
  const withFields = (fields: string) => text.replace(/\}$/, `,${fields}}`);

  test("cut off anywhere is set aside", async () => {
    for (let length = 0; length < text.length; length += 7) {
      const { found, defects, aside } = await readInstead(Buffer.from(text).subarray(0, length));
      expect([found, defects, aside.length]).toEqual([[], ["not JSON"], 1]);
    }
  });

  test.for<[what: string, content: string | Buffer, defect: string]>([
    ["a list", "[]", "not a model"],
    ["null", "null", "not a model"],
    ["a text", '"CANARY"', "not a model"],
    ["an empty object", "{}", "wrong name"],
    ["NUL bytes", Buffer.alloc(4_096), "not JSON"],
    ["random bytes", Buffer.from([0xff, 0xfe, 0x00, 0xd8]), "not JSON"],
    ["text that is not UTF-8", Buffer.from(text.replace("❤", "\u00ff"), "latin1"), "not JSON"],
    ["two models", `${text}\n${text}`, "not JSON"],
    ["100 MB", Buffer.alloc(100_000_000, " "), "too large"],
    ["a million levels", withFields(`"info":${"[".repeat(1e6)}${"]".repeat(1e6)}`), "wrong info"],
    [
      "a thousand levels",
      withFields(`"info":${'{"a":'.repeat(1e3)}1${"}".repeat(1e3)}`),
      "wrong info",
    ],
    ["the address of a backend", text.replace("smol", "https://CANARY"), "wrong from"],
    ["another model's name", text.replace("good", "CANARY"), "its name belongs to another file"],
    ["a name that leads out", text.replace("good:latest", "../../CANARY"), "wrong name"],
  ])("with %s is set aside, and nothing of it is logged", async ([, content, defect]) => {
    const { found, defects, logged, aside } = await readInstead(content);
    expect([found, defects, aside.length]).toEqual([[], [defect], 1]);
    expect(logged).not.toContain("CANARY");
  });

  test.for<[what: string, content: string]>([
    ["a byte order mark", `\uFEFF${text}`],
    [
      "fields in another order",
      JSON.stringify(Object.fromEntries(Object.entries(good).toReversed())),
    ],
    ["no tag", text.replace("good:latest", "good")],
    ["what a later version wrote", withFields('"draft":"smol"')],
    ["another prototype", withFields('"__proto__":{"from":"CANARY"}')],
  ])("with %s is read", async ([, content]) => {
    expect(await readInstead(content)).toMatchObject({ found: [good], defects: [], aside: [] });
  });

  test("with a prototype among the parameters changes no other object", async () => {
    const { found } = await readInstead(withFields('"info":{"__proto__":{"polluted":true}}'));
    expect(found).toMatchObject([{ name: "good:latest" }]);
    expect("polluted" in {}).toBe(false);
    expect("polluted" in (found[0]?.info ?? {})).toBe(false);
  });

  test("that is a link, a pipe or a folder is left alone", async ({ skip }) => {
    const [directory, elsewhere] = [dataDirectory(), dataDirectory()];
    await open(elsewhere).store.put(good);
    const [name = ""] = readdirSync(join(elsewhere, "models"));
    const models = join(directory, "models");
    mkdirSync(join(models, "folder.json"), { recursive: true });
    symlinkSync(join(elsewhere, "models", name), join(models, name));
    symlinkSync("/dev/zero", join(models, "zero.json"));
    symlinkSync("nowhere", join(models, "nowhere.json"));
    skip(!works("mkfifo", join(models, "pipe.json")), "this system has no mkfifo");
    const before = readdirSync(models);
    const { log, store } = open(directory);
    expect(await store.list()).toEqual([]);
    expect(await store.delete("good")).toBe(false);
    expect(readdirSync(models)).toEqual(before);
    expect(log.lines).toEqual([]);

    await store.put({ ...good, system: "mine" });
    expect(await store.list()).toMatchObject([{ system: "mine" }]);
    expect(await open(elsewhere).store.list()).toEqual([good]);
  });

  test("that nobody may read is told once, and read when that has changed", async ({ skip }) => {
    skip(process.getuid?.() === 0, "root may read everything");
    const directory = dataDirectory();
    await open(directory).store.put(good);
    const [name = ""] = readdirSync(join(directory, "models"));
    chmodSync(join(directory, "models", name), 0o000);
    const { log, store } = open(directory);
    expect(await store.list()).toEqual([]);
    await sleep(1_000);
    expect(await store.list()).toEqual([]);
    expect(log.lines).toMatchObject([{ fields: { file: name, problem: "EACCES" } }]);
    chmodSync(join(directory, "models", name), 0o600);
    await sleep(1_000);
    expect(await store.list()).toEqual([good]);
  });
});

describe("hostile names and digests", () => {
  const leads = [
    "../",
    "..\\",
    "/",
    "//",
    "./",
    "a/../../",
    "C:\\",
    "\\\\host\\share\\",
    "file:///",
  ];
  leads.push(
    "%2e%2e/",
    "..%2f",
    "．．/",
    "․․/",
    "..∕",
    "a\0/",
    "\n",
    "\u202E",
    "~/",
    "$HOME/",
    "`id`/",
  );
  const ends = [
    "etc/passwd",
    "models/x",
    "x:latest",
    "CON",
    "x\0.json",
    "ｘ",
    "K",
    "..",
    "",
    "-rf",
  ];
  const names = leads.flatMap((lead) => ends.map((end) => lead + end));
  names.push(
    "x".repeat(100_000),
    "../".repeat(2_000),
    `${"h".repeat(350)}/n/m:t`,
    "CON",
    "nul:latest",
  );
  const digests = names.flatMap((name) => [name, `sha256:${name}`, `sha256-${name}`]);

  /** As strace prints a path: escaped as in C, and cut at no length we use. */
  const paths = /"((?:[^"\\]|\\.)*)"/g;

  test("open no file outside the data directory", ({ skip }) => {
    expect(names.length).toBeGreaterThan(200);
    skip(!works("strace", "-o", "/dev/null", "true"), "strace is missing, or may not trace");
    const directory = dataDirectory();
    const trace = join(dataDirectory(), "trace");
    const input = JSON.stringify({
      names,
      digests: digests.map((text) => text.slice(0, 4_000)),
    });
    const traced = ["strace", "-f", "-s", "5000", "-e", "trace=%file", "-o", trace];
    const { refusals } = runChild("hostile", directory, { input, by: traced }) as {
      refusals: string[];
    };
    expect(refusals.toSorted()).toEqual([
      "done",
      "invalid_request: invalid digest format",
      "invalid_request: name: invalid model name",
    ]);

    const lines = readFileSync(trace, "utf8").split("\n");
    const [begin, end] = ["BEGIN", "END"].map((mark) =>
      lines.findIndex((line) => line.includes(`"${directory}/${mark}"`)),
    );
    const touched = lines
      .slice(begin, end)
      // Of a file that is open already.
      .filter((line) => !line.includes("AT_EMPTY_PATH"))
      .flatMap((line) => Array.from(line.matchAll(paths), ([, path = ""]) => path))
      // Where the C library counts the processors, at moments of its own choice.
      .filter((path) => !/^\/(?:sys|proc)\//.test(path));
    expect(touched.length).toBeGreaterThan(names.length);
    expect(touched.filter((path) => !isInside(path, directory))).toEqual([]);
  });

  function isInside(path: string, directory: string): boolean {
    const [, folder = "", name, ...deeper] = path.slice(directory.length).split("/");
    return (
      path.startsWith(directory) &&
      ["", "BEGIN", "models", "blobs"].includes(folder) &&
      (name === undefined || /^[a-z0-9._-]+$/.test(name)) &&
      deeper.length === 0
    );
  }
});
