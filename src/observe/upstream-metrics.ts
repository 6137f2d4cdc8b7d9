import { Counter, Gauge, type Registry } from "prom-client";

const circuitNumbers = { closed: 0, half_open: 1, open: 2 } as const;

export type CircuitState = keyof typeof circuitNumbers;

/** Why a key rests. */
export type RestReason = "rejected" | "quota" | "rate_limit";

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
];

/** Backends: what happened to each, and how it is. Their ids come from the configuration. */
export class UpstreamMetrics {
  readonly #now: () => number;
  readonly #gauges: readonly [Gauge, (upstream: UpstreamReading) => number | undefined][];
  readonly #transitions: Counter;
  readonly #rests: Counter;
  readonly #alarm: Gauge;
  /** Until when the last key of each backend rests with an alarm. */
  readonly #alarms = new Map<string, { upstream: string; reason: RestReason; until: number }>();
  #read: () => readonly UpstreamReading[] = () => [];

  constructor(registry: Registry, now: () => number) {
    const registers = [registry];
    const labelNames = ["upstream"];
    this.#now = now;
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
      help: "How often a key of a backend was left alone for a while.",
      labelNames: ["upstream", "reason"],
      registers,
    });
    this.#alarm = new Gauge({
      name: "ollama_proxy_alarm",
      help: "1 while a key rests that is rejected or has no quota left: somebody has to see to it.",
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

  raiseAlarm(upstream: string, reason: RestReason, seconds: number): void {
    const until = this.#now() + seconds * 1000;
    this.#alarms.set(`${upstream} ${reason}`, { upstream, reason, until });
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
    const now = this.#now();
    for (const { upstream, reason, until } of this.#alarms.values()) {
      this.#alarm.set({ upstream, reason }, until > now ? 1 : 0);
    }
  }
}
