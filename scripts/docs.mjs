// `npm run docs`: writes the pages that are made from the code.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { prepare, root } from "./prepare.mjs";

prepare();
const { configurationMarkdown } = await import("../dist/config/documentation.js");
writeFileSync(join(root, "docs/CONFIGURATION.md"), configurationMarkdown());
