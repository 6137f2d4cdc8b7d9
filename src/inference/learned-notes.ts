import type { CatalogModel } from "../models/catalog-model.ts";
import type { Logger } from "../observe/logger.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Lesson } from "../upstream/lesson.ts";
import type { Use } from "../upstream/lessons.ts";

/** Keeps what refusals teach, and tells of it: in the log, and counted by setting of the dialect. */
export class LearnedNotes {
  readonly #log: Logger;
  readonly #metrics: Metrics;

  constructor(log: Logger, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  note({ upstream, entry, name }: CatalogModel, use: Use, lesson: Lesson): void {
    upstream.lessons.remember(entry.id, use, lesson);
    this.#log.info(
      { upstream: upstream.id, model: name, lesson: lesson.what },
      "learned from a refusal",
    );
    for (const setting of Object.keys(lesson.overrides)) {
      this.#metrics.countLesson(upstream.id, setting);
    }
  }
}
