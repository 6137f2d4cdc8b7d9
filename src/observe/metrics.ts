import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import { AnswerMetrics } from "./answer-metrics.ts";
import { LabelValues, other } from "./label-values.ts";
import { UpstreamMetrics } from "./upstream-metrics.ts";

/** Clients may send any name; so many get a label of their own, the rest share one. */
const maxFields = 100;
const maxFieldLength = 64;

/** What is counted, in a registry of its own. Every label has a bounded number of values. */
export class Metrics {
  readonly #registry = new Registry();
  readonly answers = new AnswerMetrics(this.#registry);
  readonly upstreams = new UpstreamMetrics(this.#registry);
  readonly #fields = new LabelValues(maxFields);
  readonly #lessons = this.#counter(
    "lessons_total",
    "Refusals of a backend that corrected a setting of its dialect.",
    ["upstream", "lesson"],
  );
  readonly #ignored = this.#counter(
    "ignored_total",
    "Requests that asked for something their backend can't be told, by field.",
    ["field"],
  );
  readonly #shed = this.#counter(
    "shed_total",
    "Requests that were refused since this process had too much to do.",
    ["reason"],
  );
  readonly #reloads = this.#counter(
    "config_reloads_total",
    "Times the configuration was read anew; a bad one leaves the old in force.",
    ["result"],
  );

  /** @param lesson the setting of the dialect that a refusal corrected */
  countLesson(upstream: string, lesson: string): void {
    this.#lessons.inc({ upstream, lesson });
  }

  countIgnored(field: string): void {
    const isKnown = field.length <= maxFieldLength && this.#fields.has(field);
    this.#ignored.inc({ field: isKnown ? field : other });
  }

  /** @param reason a word of the code's, never a client's */
  countShed(reason: string): void {
    this.#shed.inc({ reason });
  }

  countReload(ok: boolean): void {
    this.#reloads.inc({ result: ok ? "ok" : "failed" });
  }

  /** @param read how many requests are under way */
  watchRequests(read: () => number): void {
    const help = "Requests whose response has not closed.";
    const gauge: Gauge = new Gauge({
      name: "ollama_proxy_requests_in_flight",
      help,
      registers: [this.#registry],
      collect: () => gauge.set(read()),
    });
  }

  /** @param read how many lines are lost */
  watchLog(read: () => number): void {
    const help = "Lines of the log that were lost: nobody took them, or they could not be written.";
    const counter: Counter = new Counter({
      name: "ollama_proxy_log_dropped_total",
      help,
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        counter.inc(read());
      },
    });
  }

  /** From now on also memory, processor time and event loop of this process. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Of `text()`, as a header names it. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything, as Prometheus reads it. */
  text(): Promise<string> {
    this.upstreams.refresh();
    return this.#registry.metrics();
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    const registers = [this.#registry];
    return new Counter({ name: `ollama_proxy_${name}`, help, labelNames, registers });
  }
}
