/** What had been asked of `smol` before a recorded list of running models. */
interface Loads {
  /** `keep_alive` of each request, in order; Ollama refuses some of them. */
  keepAlive: readonly unknown[];
  numCtx?: number;
  /** How long `smol` stays after the last, in seconds; absent when it is gone. */
  stays?: number;
}

/** By name of the recorded case. `smol-think` had been loaded before, for Ollama's usual 5 m. */
export const loadsBefore: Readonly<Record<string, Loads>> = {
  "keepalive-0s-ps": { keepAlive: ["5m", "0s"] },
  "keepalive-minus1s-ps": { keepAlive: ["-1s"], stays: Infinity },
  "keepalive-minus1str-ps": { keepAlive: ["-1s", "-1"], stays: Infinity },
  "keepalive-5m-ps": { keepAlive: ["-1s", "5m"], stays: 300 },
  "keepalive-1h30m-ps": { keepAlive: ["1h30m"], stays: 5400 },
  "keepalive-float-ps": { keepAlive: [1.5], stays: 1.5 },
  "keepalive-300str-ps": { keepAlive: [1.5, "300"], stays: 1.5 },
  "keepalive-empty-ps": { keepAlive: [1.5, ""], stays: 1.5 },
  // No value leaves what an earlier request said.
  "keepalive-null-ps": { keepAlive: [1.5, null], stays: 1.5 },
  "ps-after-unload2": { keepAlive: ["5m", 0] },
  "ps-loaded-2": { keepAlive: [180], numCtx: 128, stays: 180 },
};
