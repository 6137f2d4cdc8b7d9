import type { ProxyError } from "../errors.ts";
import type { CircuitState } from "../observe/upstream-metrics.ts";

/** What a backend's state changes are told to. */
export interface UpstreamEvents {
  circuit(upstream: string, state: CircuitState): void;
  /**
   * @param key its place; 0 for the whole backend, or where there is no key
   * @param alarm whether somebody has to act: a key is rejected, or its quota is used up
   */
  rested(upstream: string, key: number, seconds: number, error: ProxyError, alarm: boolean): void;
}
