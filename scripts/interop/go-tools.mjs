import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../prepare.mjs";
import { isInstalled, run } from "./commands.mjs";

const module = "github.com/ollama/ollama";

/** Ollama's command line and its own integration tests, in the version of test/interop/go/go.mod. */
export function installGoTools(cache) {
  if (!isInstalled("go", "version")) return undefined;
  const bin = join(cache, "bin");
  mkdirSync(bin, { recursive: true });
  const environment = { GOMODCACHE: join(cache, "go-mod"), GOCACHE: join(cache, "go-build") };
  const go = (options, folder) =>
    run("go", options, { cwd: folder, env: { ...process.env, ...environment, GOBIN: bin } });

  const client = join(root, "test/interop/go");
  // A cache that can be deleted like any other folder, unlike Go's default.
  go(["mod", "download", "-modcacherw", module], client);
  const [version, source] = go(["list", "-m", "-f", "{{.Version}} {{.Dir}}", module], client).split(
    " ",
  );

  const ollama = join(bin, "ollama");
  if (!isVersion(ollama, version)) {
    console.error(`Building Ollama's command line ${version} …`);
    const settings = [
      "-s -w",
      `-X=${module}/version.Version=${version.slice(1)}`,
      `-X=${module}/server.mode=release`,
    ];
    go(["install", "-modcacherw", `-ldflags=${settings.join(" ")}`, `${module}@${version}`], bin);
  }

  const tests = join(bin, `ollama-tests-${version}`);
  if (!existsSync(tests)) {
    console.error(`Building Ollama's own integration tests ${version} …`);
    const options = ["-c", "-modcacherw", "-tags=integration,fast", "-o", tests];
    go(["test", ...options, "./integration"], source);
  }
  return { ...environment, INTEROP_OLLAMA: ollama, INTEROP_TESTS: tests };
}

/** Asked of no server: `go install` of a version leaves no other trace of it in the program. */
function isVersion(ollama, version) {
  const { stdout } = spawnSync(ollama, ["--version"], {
    encoding: "utf8",
    env: { HOME: dirname(ollama), OLLAMA_HOST: "127.0.0.1:1" },
  });
  return stdout?.includes(`client version is ${version.slice(1)}`) ?? false;
}
