// `npm run test:interop`: the proxy with real parts around it. In front Ollama's own clients and
// those that JavaScript programs use, behind it llama.cpp with a small language model, or a backend
// that says what a test has written down. What the tests need beyond Node comes with the ordinary
// package clients into .cache/interop, or into the folder that INTEROP_CACHE names, and stays there;
// the JavaScript clients stay beside their tests.
import { resolve } from "node:path";
import { add, close, nothing, oneFailed } from "./counts.mjs";
import { installGoTools } from "./interop/go-tools.mjs";
import { installJavaScriptClients } from "./interop/javascript-clients.mjs";
import { installPythonTools } from "./interop/python-tools.mjs";
import { findTmux } from "./interop/tmux.mjs";
import { prepare, root } from "./prepare.mjs";
import { runVitest } from "./vitest.mjs";

/** What speaks to the model needs Python: the model is a package of it. */
const parts = [
  { file: "javascript/abilities.test.mjs", needs: ["javascript"] },
  { file: "javascript/breakages.test.mjs", needs: ["javascript"] },
  { file: "javascript/models.test.mjs", needs: ["javascript"] },
  { file: "real-model.test.ts", needs: ["python3"] },
  { file: "real-embeddings.test.ts", needs: ["python3"] },
  { file: "python-client.test.ts", needs: ["python3"] },
  { file: "go-client.test.ts", needs: ["python3", "go"] },
  { file: "cli-create.test.ts", needs: ["python3", "go"] },
  { file: "cli-models.test.ts", needs: ["python3", "go"] },
  { file: "cli-run.test.ts", needs: ["python3", "go"] },
  { file: "cli-terminal.test.ts", needs: ["python3", "go", "tmux"] },
  { file: "integration.test.ts", needs: ["python3", "go"] },
];

/** Each answers the environment that the tests find it by, or undefined where the tool is absent. */
const toolchains = {
  javascript: installJavaScriptClients,
  python3: installPythonTools,
  go: installGoTools,
  tmux: findTmux,
};

const cache = resolve(root, process.env.INTEROP_CACHE ?? ".cache/interop");
const isContinuousIntegration = process.env.CI === "true";

// An argument picks the parts whose names have it: `npm run test:interop -- python`.
const [wanted = ""] = process.argv.slice(2);
const chosen = parts.filter(({ file }) => file.includes(wanted));

let counts = nothing;
try {
  prepare();
  const absent = installTools();
  const [able, unable] = [true, false].map((isAble) =>
    chosen.filter(({ needs }) => isAble === !needs.some((name) => absent.includes(name))),
  );
  for (const { file, needs } of unable) {
    const missing = needs.filter((name) => absent.includes(name)).join(" and ");
    console.log(`${isContinuousIntegration ? "FAIL" : "skip"}  ${file}: no ${missing} here`);
    counts = add(counts, isContinuousIntegration ? oneFailed : { ...nothing, skipped: 1 });
  }
  if (able.length > 0) {
    const files = able.map(({ file }) => `test/interop/${file}`);
    const config = ["--config", "test/interop/vitest.config.ts"];
    counts = add(counts, runVitest([...config, ...files]));
  }
} catch (error) {
  console.error(`FAIL  ${error.message}`);
  counts = add(counts, oneFailed);
}
close(counts);

/** Installs what the chosen parts need, and answers the names of the toolchains that are absent. */
function installTools() {
  const names = new Set(chosen.flatMap(({ needs }) => needs));
  return [...names].filter((name) => {
    const environment = toolchains[name](cache);
    Object.assign(process.env, environment);
    return environment === undefined;
  });
}
