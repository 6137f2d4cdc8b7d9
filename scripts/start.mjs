// `npm start`: from a fresh clone to a running proxy. Options after `--` are those of `serve`.
import { fileURLToPath } from "node:url";
import { prepare } from "./prepare.mjs";

const parent = process.ppid;

try {
  prepare();
} catch (error) {
  console.error(`npm start: ${error.message}`);
  process.exit(1);
}

if (process.env.npm_lifecycle_event === "start") endWithParent();

// In this same process, so that signals and exit codes are the proxy's own.
const main = new URL("../dist/main.js", import.meta.url);
process.argv = [process.argv[0], fileURLToPath(main), "serve", ...process.argv.slice(2)];
await import(main.href);

/**
 * npm passes SIGTERM to the shell that it started us in, and some shells end without passing it on,
 * which would leave the proxy running. The end of the shell is taken for the signal, once, and not
 * after a signal of its own, since a second one may mean more haste.
 */
function endWithParent() {
  const watch = setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGTERM");
  }, 250);
  watch.unref();
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => {
      clearInterval(watch);
      // This listener has switched the default off. Where the proxy has none yet, bring it back.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    });
  }
}
