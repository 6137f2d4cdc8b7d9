// `npm run test:soak`: long runs of the built proxy as processes, with the figures they come to.
// `npm run test:soak -- --short t-31` is the short form of one of them.
import { runFigures } from "./figures.mjs";

runFigures("test/soak");
