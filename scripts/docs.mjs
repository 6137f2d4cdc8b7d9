// `npm run docs`: writes the pages that are made from the code.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { prepare, root } from "./prepare.mjs";
import { runVitest } from "./vitest.mjs";

prepare();
const { configurationMarkdown } = await import("../dist/config/documentation.js");
writeFileSync(join(root, "docs/CONFIGURATION.md"), configurationMarkdown());

// What becomes of each feature is seen by asking for it, so a test writes the tables.
process.env.UPDATE_DOCS = "1";
const { failed } = runVitest(["test/dialects/matrix.test.ts"]);
process.exitCode = failed > 0 ? 1 : 0;
