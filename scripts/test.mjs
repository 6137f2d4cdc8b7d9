// `npm test`: installs and builds where needed, then the static checks, then every test that needs
// no other toolchain. With arguments (`npm test -- test/some.test.ts`): only those tests.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { add, close, nothing, oneFailed, onePassed } from "./counts.mjs";
import { build, install, root } from "./prepare.mjs";
import { runVitest } from "./vitest.mjs";

const checks = {
  types: ["typescript/bin/tsc", "--noEmit"],
  lint: ["oxlint/bin/oxlint", "--type-aware", "--deny-warnings"],
  format: ["oxfmt/bin/oxfmt", "--check", "."],
  "unused code": ["knip/bin/knip.js"],
};

const options = process.argv.slice(2);

try {
  install();
} catch (error) {
  console.error(error.message);
  close(oneFailed);
  process.exit();
}

let counts = check("build", build);
if (options.length > 0) {
  counts = counts.failed > 0 ? counts : nothing;
} else {
  for (const [name, [tool, ...toolOptions]] of Object.entries(checks)) {
    counts = add(
      counts,
      check(name, () => runTool(tool, toolOptions)),
    );
  }
}
close(add(counts, runVitest(options)));

/** Prints one line, and what the check has to say only when it fails. */
function check(name, perform) {
  const start = performance.now();
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  try {
    perform();
    console.log(`ok    ${name} (${seconds()})`);
    return onePassed;
  } catch (error) {
    console.log(`FAIL  ${name} (${seconds()})\n${error.message}`);
    return oneFailed;
  }
}

function runTool(tool, toolOptions) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "node_modules", tool), ...toolOptions],
    { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: Infinity },
  );
  if (status !== 0) throw new Error(`${stdout}${stderr}`);
}
