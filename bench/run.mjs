// `npm run bench`: what the proxy costs, next to a proxy that only passes bytes on.
import { existsSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { warmUp } from "./measures.mjs";
import { readOptions, usage } from "./options.mjs";
import { proxyLog, startBackend, startPipe, startProxy } from "./processes.mjs";
import { rowsOf, tableOf } from "./report.mjs";
import { scenarioNamed } from "./scenarios.mjs";

/** @typedef {import("./processes.mjs").Target} Target */
/** @typedef {import("./report.mjs").Round} Round */
/** @typedef {import("./scenarios.mjs").Scenario} Scenario */
/** @typedef {{ proxy: Target, pipe: Target }} Pair */

const wholeRunLimit = 300_000;

try {
  await main();
} catch (error) {
  if (proxyLog() !== "") console.error(`The proxy has printed:\n${proxyLog()}`);
  console.error(`npm run bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
// Whatever is still connected has no more to say.
process.exit();

async function main() {
  const options = readOptions();
  if (options.help) return console.log(usage);
  if (!existsSync("/proc/self/schedstat")) {
    throw new Error("the figures come from /proc/PID/schedstat, which only Linux has");
  }
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
    process.on(signal, () => process.exit(130));
  }
  setTimeout(() => {
    console.error(`npm run bench: not done after ${wholeRunLimit / 1000} s`);
    process.exit(1);
  }, wholeRunLimit).unref();

  const started = performance.now();
  const figures = await measureAll(options);
  const rows = options.names.flatMap((name) => rowsOf(scenarioNamed(name), figures[name] ?? []));
  const seconds = Math.round((performance.now() - started) / 1000);
  const environment = {
    node: process.version,
    processor: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
  };

  console.log(`${tableOf(rows)}\n`);
  console.log(
    `Node ${environment.node}, ${environment.cores} cores of ${environment.processor}, ${seconds} s.`,
    "Median [least – most] of the rounds; proxy and pipe take turns and are compared round by round.",
    "Every answer was complete and right.",
  );
  if (options.json !== undefined) {
    const report = { environment, quick: options.quick, rounds: figures, rows };
    writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  if (rows.some(({ verdict }) => verdict === "FAIL")) process.exitCode = 1;
}

/**
 * @param {ReturnType<typeof readOptions>} options
 * @returns {Promise<Record<string, Round[]>>}
 */
async function measureAll({ names, quick, rounds, ...proxyOptions }) {
  const backend = await startBackend();
  const startPair = async () => ({
    proxy: await startProxy(backend.port, proxyOptions),
    pipe: await startPipe(backend.port),
  });
  const plan = names.map((name) => {
    const scenario = scenarioNamed(name);
    const size = quick ? scenario.quick : scenario.full;
    return { name, scenario, load: size.load, rounds: rounds ?? size.rounds };
  });
  /** @type {Record<string, Round[]>} */
  const figures = Object.fromEntries(names.map((name) => [name, []]));

  /** @type {Pair | undefined} */
  let lasting;
  for (let round = 0; plan.some((each) => round < each.rounds); round += 1) {
    for (const { name, scenario, load, rounds: planned } of plan) {
      if (round >= planned) continue;
      console.error(`${name}, round ${round + 1} of ${planned}`);
      const pair = scenario.isFresh
        ? await warmPair(startPair)
        : (lasting ??= await warmPair(startPair));
      /** @type {Round} */
      const result = { proxy: {}, pipe: {} };
      for (const side of turns(round)) {
        result[side] = await blaming(`${name}, ${side}`, scenario.measure(pair[side], load));
      }
      figures[name]?.push(result);
      if (scenario.isFresh) await stopPair(pair);
    }
  }
  if (lasting !== undefined) await stopPair(lasting);
  await backend.stop();
  return figures;
}

/**
 * The one that goes first goes second in the next round.
 *
 * @param {number} round
 * @returns {("proxy" | "pipe")[]}
 */
function turns(round) {
  return round % 2 === 0 ? ["proxy", "pipe"] : ["pipe", "proxy"];
}

/** @param {() => Promise<Pair>} startPair */
async function warmPair(startPair) {
  const pair = await startPair();
  for (const side of turns(0)) await blaming(`warm-up, ${side}`, warmUp(pair[side]));
  return pair;
}

/**
 * @template T
 * @param {string} what
 * @param {Promise<T>} outcome
 */
function blaming(what, outcome) {
  return outcome.catch((/** @type {Error} */ error) => {
    throw new Error(`${what}: ${error.message}`, { cause: error });
  });
}

/** @param {Pair} pair */
async function stopPair({ proxy, pipe }) {
  await Promise.all([proxy.stop(), pipe.stop()]);
}
