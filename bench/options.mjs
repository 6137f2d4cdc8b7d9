import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { scenarioNamed, scenarios } from "./scenarios.mjs";

export const usage = `npm run bench [-- OPTIONS]
  --quick           less load and fewer rounds: about 30 s instead of 2 minutes
  --only A,B        only some of: ${Object.keys(scenarios).join(", ")}
  --rounds N        this many rounds of each
  --json FILE       write the figures of every round to FILE
  --profile FOLDER  write CPU profiles of the proxy to FOLDER; the figures then include their cost
  --main FILE       measure another build of the proxy (default: dist/main.js)`;

export function readOptions() {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      rounds: { type: "string" },
      json: { type: "string" },
      profile: { type: "string" },
      main: { type: "string", default: fileURLToPath(new URL("../dist/main.js", import.meta.url)) },
      help: { type: "boolean", default: false },
    },
  });
  const names = values.only?.split(",") ?? Object.keys(scenarios);
  names.forEach(scenarioNamed);
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds >= 1 && rounds <= 20)) {
    throw new Error(`--rounds is a number from 1 to 20, not "${values.rounds}"`);
  }
  return {
    names,
    rounds,
    quick: values.quick,
    help: values.help,
    json: values.json,
    main: resolve(values.main),
    profileFolder: values.profile === undefined ? undefined : resolve(values.profile),
  };
}
