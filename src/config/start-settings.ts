import type { Config } from "./schema.ts";

/** What is read once, at start. */
const startSettings: readonly [name: string, read: (config: Config) => unknown][] = [
  ["listen", ({ listen }) => listen],
  ["path_prefix", ({ path_prefix }) => path_prefix],
  ["max_body", ({ max_body }) => max_body],
  ["data_dir", ({ data_dir }) => data_dir],
  ["timeouts.request_body", ({ timeouts }) => timeouts.request_body],
  ["overload", ({ overload }) => overload],
  ["admin.listen", ({ admin }) => admin.listen],
  ["log", ({ log }) => log],
];

/** The settings that only a restart would change. */
export function changesAtStart(wanted: Config, atStart: Config): string[] {
  return startSettings
    .filter(([, read]) => JSON.stringify(read(wanted)) !== JSON.stringify(read(atStart)))
    .map(([name]) => name);
}

/** What is wanted, but for those. */
export function withStartSettings(wanted: Config, atStart: Config): Config {
  const { listen, path_prefix, max_body, data_dir, timeouts, overload, admin, log } = atStart;
  return {
    ...wanted,
    listen,
    path_prefix,
    max_body,
    data_dir,
    timeouts: { ...wanted.timeouts, request_body: timeouts.request_body },
    overload,
    admin,
    log,
  };
}
