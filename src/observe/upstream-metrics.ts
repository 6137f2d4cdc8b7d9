import { Counter, Gauge, type Registry } from "prom-client";
import type { ProxyError } from "../errors.ts";

const circuitNumbers = { closed: 0, half_open: 1, open: 2 } as const;

export type CircuitState = keyof typeof circuitNumbers;

/** Why a key rests, or a backend. */
export type RestReason = "rejected" | "quota" | "rate_limit" | "overloaded";

/** @param alarm whether somebody has to act */
export function restReason({ code, status }: ProxyError, alarm: boolean): RestReason {
  if (code === "upstream_unauthorized") return "rejected";
  if (alarm) return "quota";
  return status === 429 ? "rate_limit" : "overloaded";
}

/** One backend as it is now. */
export interface UpstreamReading {
  readonly id: string;
  readonly running: number;
  readonly queued: number;
  readonly state: CircuitState;
  readonly models: number;
  /** Since it told its models; undefined when it never did. */
  readonly listAgeSeconds: number | undefined;
  /** It could not tell them when last asked. */
  readonly stale: boolean;
  /** For which all of it is left alone at its own wish; 0 when it is not. */
  readonly restsSeconds: number;
  /** What is wrong with keys that somebody has to see to. */
  readonly alarms: readonly ProxyError[];
}

/** Read when Prometheus asks, not when something changes. */
const gauges: readonly [
  name: string,
  help: string,
  read: (upstream: UpstreamReading) => number | undefined,
][] = [
  ["upstream_in_flight", "Requests that a backend answers now.", ({ running }) => running],
  ["upstream_queued", "Requests that wait for a backend.", ({ queued }) => queued],
  [
    "circuit_state",
    "0: a backend is used; 1: one request tries it; 2: it is left alone.",
    ({ state }) => circuitNumbers[state],
  ],
  ["upstream_models", "Models that a backend serves.", ({ models }) => models],
  [
    "model_list_age_seconds",
    "Since a backend told its models.",
    ({ listAgeSeconds }) => listAgeSeconds,
  ],
  [
    "model_list_stale",
    "1 where a backend could not tell its models when last asked.",
    ({ stale }) => (stale ? 1 : 0),
  ],
  [
    "upstream_rests_seconds",
    "For how long a backend is left alone, at its own wish or since all its keys rest.",
    ({ restsSeconds }) => restsSeconds,
  ],
];

/** Backends: what happened to each, and how it is. Their ids come from the configuration. */
export class UpstreamMetrics {
  readonly #gauges: readonly [Gauge, (upstream: UpstreamReading) => number | undefined][];
  readonly #transitions: Counter;
  readonly #rests: Counter;
  readonly #alarm: Gauge;
  #read: () => readonly UpstreamReading[] = () => [];

  constructor(registry: Registry) {
    const registers = [registry];
    const labelNames = ["upstream"];
    this.#gauges = gauges.map(([name, help, read]) => [
      new Gauge({ name: `ollama_proxy_${name}`, help, labelNames, registers }),
      read,
    ]);
    this.#transitions = new Counter({
      name: "ollama_proxy_circuit_transitions_total",
      help: "How often a backend came to be left alone, tried, and used again.",
      labelNames: ["upstream", "state"],
      registers,
    });
    this.#rests = new Counter({
      name: "ollama_proxy_key_rests_total",
      help: "How often a backend, or a key of it, was left alone for a while.",
      labelNames: ["upstream", "reason"],
      registers,
    });
    this.#alarm = new Gauge({
      name: "ollama_proxy_alarm",
      help: "1 while a key is rejected or has no quota left: somebody has to see to it.",
      labelNames: ["upstream", "reason"],
      registers,
    });
  }

  /** @param read tells of every backend there is */
  watch(read: () => readonly UpstreamReading[]): void {
    this.#read = read;
  }

  countTransition(upstream: string, state: CircuitState): void {
    this.#transitions.inc({ upstream, state });
  }

  countRest(upstream: string, reason: RestReason): void {
    this.#rests.inc({ upstream, reason });
  }

  /** Brings the gauges up to date. A backend that a reload took away has none any more. */
  refresh(): void {
    const readings = this.#read();
    for (const [gauge, read] of this.#gauges) {
      gauge.reset();
      for (const upstream of readings) {
        const value = read(upstream);
        if (value !== undefined) gauge.set({ upstream: upstream.id }, value);
      }
    }
    this.#alarm.reset();
    for (const { id, alarms } of readings) {
      for (const error of alarms) {
        this.#alarm.set({ upstream: id, reason: restReason(error, true) }, 1);
      }
    }
  }
}
