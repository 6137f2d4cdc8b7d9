import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/interop/**"],
    pool: "forks",
    testTimeout: 20_000,
    reporters: [
      "default",
      "./test/faults/matrix/reporter.ts",
      "./test/support/counting-reporter.ts",
    ],
  },
});
