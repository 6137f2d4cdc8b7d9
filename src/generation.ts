import { readFileSync } from "node:fs";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Config, UpstreamConfig } from "./config/schema.ts";
import type { Services } from "./handlers/services.ts";
import { Answers } from "./inference/answers.ts";
import type { AnswerReports } from "./inference/answer-reports.ts";
import { Router } from "./routing/router.ts";
import { EmbeddingAnswers } from "./inference/embedding-answers.ts";
import { IgnoredNotes } from "./inference/ignored-notes.ts";
import { LearnedNotes } from "./inference/learned-notes.ts";
import { NativeAnswers } from "./inference/native-answers.ts";
import type { RunningAnswers } from "./inference/running.ts";
import { Cards } from "./models/cards.ts";
import { Catalog } from "./models/catalog.ts";
import { Control } from "./models/control.ts";
import { Library } from "./models/library.ts";
import { LoadedModels, type UsedModels } from "./models/loaded-models.ts";
import type { Logger } from "./observe/logger.ts";
import { parseKeepAlive } from "./ollama/duration.ts";
import { adminRoutes, routes } from "./routes.ts";
import { Guard } from "./server/guard.ts";
import type { Route } from "./server/http-server.ts";
import { HealthChecks } from "./upstream/health-checks.ts";
import { Upstream } from "./upstream/upstream.ts";
import type { UpstreamEvents } from "./upstream/upstream-events.ts";

/** What lives as long as the process, whatever becomes of the configuration. */
export interface Lasting extends Pick<
  Services,
  "store" | "blobs" | "metrics" | "lifecycle" | "overload"
> {
  readonly log: Logger;
  readonly running: RunningAnswers;
  readonly reports: AnswerReports;
  readonly used: UsedModels;
  readonly events: UpstreamEvents;
  readonly newId: () => string;
  /** The date of models whose own nobody knows. */
  readonly startedAt: Date;
  readonly checkHost: boolean;
  /** This machine's own name. */
  readonly hostname: string;
}

/** Everything that depends on the configuration, from one reading of it to the next. */
export class Generation {
  readonly services: Services;
  readonly guard: Guard;
  readonly routes: readonly Route[];
  readonly adminRoutes: readonly Route[];
  readonly healthChecks: HealthChecks;
  /** Backends by all that would make another of them. */
  readonly #upstreams: ReadonlyMap<string, Upstream>;
  #requests = 0;
  #onIdle: (() => void) | undefined;

  /** @param earlier whose backends go on where nothing of them has changed but what they serve */
  constructor(config: Config, lasting: Lasting, earlier?: Generation) {
    const { log, running, used, newId, store, metrics } = lasting;
    const known = earlier === undefined ? new Map<string, never>() : earlier.#upstreams;
    this.#upstreams = new Map(
      config.upstreams.map((upstream) => {
        const key = fingerprint(upstream, config);
        return [key, known.get(key) ?? createUpstream(upstream, config, lasting)];
      }),
    );
    const catalog = new Catalog(this.upstreams, config.routes, log);
    const cards = new Cards(config, lasting.startedAt);
    const library = new Library(catalog, store);
    const control = new Control(catalog, log);
    const defaultKeepAlive = parseKeepAlive(config.keep_alive) ?? 0;
    const loaded = new LoadedModels({ cards, catalog, library, control, defaultKeepAlive, used });
    const ignored = new IgnoredNotes(config.strict, log, metrics);
    const learned = new LearnedNotes(log, metrics);
    const { blobs, lifecycle, overload, reports } = lasting;
    const router = new Router({ catalog, library, cards, failover: config.failover });
    const ways = { config, log, running, router, reports, ignored };
    this.services = {
      config,
      catalog,
      library,
      store,
      blobs,
      cards,
      router,
      loaded,
      answers: new Answers({ ...ways, learned, newId }),
      embeddings: new EmbeddingAnswers({ ...ways, learned }),
      native: new NativeAnswers(ways),
      control,
      metrics,
      lifecycle,
      overload,
    };
    this.guard = new Guard({
      checkHost: lasting.checkHost,
      hostname: lasting.hostname,
      origins: config.origins,
      apiKey: config.api_key,
    });
    this.routes = routes(this.services);
    this.adminRoutes = adminRoutes(this.services);
    this.healthChecks = new HealthChecks(this.upstreams, config.health, log);
  }

  get upstreams(): readonly Upstream[] {
    return [...this.#upstreams.values()];
  }

  /**
   * Begins with what an earlier one knows, and asks its new backends for their models. From here on
   * those that go on serve what this configuration says.
   */
  async takeOver(earlier: Generation): Promise<void> {
    const { config, catalog } = this.services;
    for (const upstream of this.upstreams) {
      const own = config.upstreams.find(({ id }) => id === upstream.id);
      if (own !== undefined) upstream.adopt(own);
    }
    await catalog.takeOver(earlier.services.catalog);
  }

  /** Has a request answered, and knows of it for as long as its response is open. */
  answer(place: number, request: FastifyRequest, reply: FastifyReply): unknown {
    if (!reply.raw.destroyed) {
      this.#requests += 1;
      reply.raw.once("close", () => {
        this.#requests -= 1;
        if (this.#requests === 0) this.#onIdle?.();
      });
    }
    return this.routes[place]?.handler(request, reply);
  }

  /** Waits for the requests that it answers. */
  async idle(): Promise<void> {
    if (this.#requests === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }
}

function createUpstream(config: UpstreamConfig, settings: Config, lasting: Lasting): Upstream {
  const { events, log } = lasting;
  if (config.insecure_tls) {
    log.warn({ upstream: config.id }, "insecure_tls: whoever is on the way can read its key");
  }
  return new Upstream(config, settings, events);
}

/** What a backend serves, and when it is asked, leaves it the same. */
const adopted = ["priority", "weight", "models", "include", "exclude", "rename"];
/** Times that are the clients'. */
const notOfBackends = ["write_stall", "request_body"];

/** Two with the same one are the same backend, down to what is in the files that they name. */
function fingerprint(upstream: UpstreamConfig, { timeouts, limits, circuit }: Config): string {
  const { ca_file } = upstream;
  const certificates = ca_file === undefined ? "" : readFileSync(ca_file, "utf8");
  const own = without(upstream, adopted);
  return JSON.stringify([own, without(timeouts, notOfBackends), limits, circuit, certificates]);
}

function without(settings: object, names: readonly string[]): unknown {
  return Object.entries(settings).filter(([name]) => !names.includes(name));
}
