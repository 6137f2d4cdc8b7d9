import { collectDefaultMetrics, Counter, Registry } from "prom-client";

/** Clients may send any name; so many get a label of their own, the rest share one. */
const maxFields = 100;
const maxFieldLength = 64;
const otherFields = "other";

/** What is counted, in a registry of its own. Every label has a bounded number of values. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #fields = new Set<string>();
  readonly #lessons = new Counter({
    name: "ollama_proxy_lessons_total",
    help: "Refusals of a backend that corrected a setting of its dialect.",
    labelNames: ["upstream", "lesson"],
    registers: [this.#registry],
  });
  readonly #ignored = new Counter({
    name: "ollama_proxy_ignored_total",
    help: "Requests that asked for something their backend can't be told, by field.",
    labelNames: ["field"],
    registers: [this.#registry],
  });

  /** @param lesson the setting of the dialect that a refusal corrected */
  countLesson(upstream: string, lesson: string): void {
    this.#lessons.inc({ upstream, lesson });
  }

  countIgnored(field: string): void {
    this.#ignored.inc({ field: this.#fieldLabel(field) });
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
    return this.#registry.metrics();
  }

  #fieldLabel(field: string): string {
    if (this.#fields.has(field)) return field;
    if (this.#fields.size >= maxFields || field.length > maxFieldLength) return otherFields;
    this.#fields.add(field);
    return field;
  }
}
