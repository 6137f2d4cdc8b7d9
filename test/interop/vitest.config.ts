import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/interop/**/*.test.{ts,mjs}"],
    pool: "forks",
    // Each file runs a language model of its own, which keeps one core busy.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default", "./test/support/counting-reporter.ts"],
  },
});
