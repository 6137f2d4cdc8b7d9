// `npm run bench`: builds dist/ where needed, then measures it. What it takes: bench/run.mjs.
import { prepare } from "./prepare.mjs";

prepare();
await import("../bench/run.mjs");
