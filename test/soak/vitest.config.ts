import { defineConfig } from "vitest/config";

/** Figures are measured one after the other: nothing else runs beside them. */
export default defineConfig({
  test: {
    include: ["test/soak/*.soak.ts", "test/faults/*.soak.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 15 * 60_000,
    hookTimeout: 60_000,
    reporters: ["default", "./test/support/counting-reporter.ts"],
  },
});
