import { isInstalled, run } from "./commands.mjs";

/** tmux is a system package: it is installed for a CI machine only, never for a person. */
export function findTmux() {
  const isRoot = process.getuid?.() === 0;
  const isPresent = () => isInstalled("tmux", "-V");
  if (!isPresent() && process.env.CI === "true" && isRoot && isInstalled("apt-get", "--version")) {
    console.error("Installing tmux …");
    const settings = { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
    run("apt-get", ["update", "--quiet=2"], settings);
    run("apt-get", ["install", "--yes", "--quiet=2", "--no-install-recommends", "tmux"], settings);
  }
  return isPresent() ? {} : undefined;
}
