import type { ProxyError } from "../errors.ts";
import type { CircuitState } from "./circuit.ts";

/** What a backend's state changes are told to. */
export interface UpstreamEvents {
  circuit(upstream: string, state: CircuitState): void;
  /** @param alarm whether somebody has to act: a key is rejected, or its quota is used up */
  rested(upstream: string, key: number, seconds: number, error: ProxyError, alarm: boolean): void;
}
