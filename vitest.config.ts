import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/interop/**"],
    pool: "forks",
    maxWorkers: "100%",
    testTimeout: 20_000,
    reporters: [
      "default",
      "./test/faults/matrix/reporter.ts",
      "./test/support/counting-reporter.ts",
    ],
  },
});
