// `npm run test:faults`: the built proxy in front of backends that fail, with the figures it comes
// to. `npm run test:faults -- --short t-10` is the short form of one of them.
import { runFigures } from "./figures.mjs";

runFigures("test/faults");
