// Loaded into a running proxy by NODE_OPTIONS=--import: at SIGUSR2 it does what INJECTED says.
const ballast = [];

const faults = {
  block() {
    const end = performance.now() + 2_000;
    while (performance.now() < end);
  },
  /** Fills the heap until, with what the program itself needs, nine tenths are in use, and gives it back. */
  fill() {
    // Node would keep a text of a whole MiB outside of the heap.
    const bytes = Buffer.alloc(512 * 1024);
    const count = Math.round(2 * 0.82 * Number(process.env.OLD_SPACE_MIB));
    while (ballast.length < count) ballast.push(bytes.toString("latin1"));
    setTimeout(() => (ballast.length = 0), 3_000);
  },
  throw() {
    throw new TypeError("injected");
  },
  reject() {
    void Promise.reject(new TypeError("injected"));
  },
};

process.on("SIGUSR2", faults[process.env.INJECTED]);
