// `npm run docs`: writes the pages, and the schema for editors, that are made from the code.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { prepare, root } from "./prepare.mjs";
import { runVitest } from "./vitest.mjs";

prepare();
const { configurationMarkdown } = await import("../dist/config/documentation.js");
writeFileSync(join(root, "docs/CONFIGURATION.md"), configurationMarkdown());

const { configurationJsonSchema } = await import("../dist/config/json-schema.js");
const schema = join(root, "schema/config.schema.json");
writeFileSync(schema, JSON.stringify(configurationJsonSchema()));
const oxfmt = join(root, "node_modules/oxfmt/bin/oxfmt");
spawnSync(process.execPath, [oxfmt, schema], { stdio: "inherit" });

// What becomes of each feature is seen by asking for it, so a test writes the tables.
process.env.UPDATE_DOCS = "1";
const { failed } = runVitest(["test/dialects/matrix.test.ts"]);
process.exitCode = failed > 0 ? 1 : 0;
