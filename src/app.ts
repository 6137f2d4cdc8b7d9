import { randomInt } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { adminAddress, listenAddress } from "./config/listen-address.ts";
import { ConfigError } from "./config/load.ts";
import type { Config } from "./config/schema.ts";
import { ProxyError } from "./errors.ts";
import type { Services } from "./handlers/services.ts";
import { Answers } from "./inference/answers.ts";
import { EmbeddingAnswers } from "./inference/embedding-answers.ts";
import { IgnoredNotes } from "./inference/ignored-notes.ts";
import { LearnedNotes } from "./inference/learned-notes.ts";
import { NativeAnswers } from "./inference/native-answers.ts";
import { RunningAnswers } from "./inference/running.ts";
import { Blobs } from "./models/blobs.ts";
import { Cards } from "./models/cards.ts";
import { Catalog } from "./models/catalog.ts";
import { Control } from "./models/control.ts";
import { FileStore } from "./models/file-store.ts";
import { Library } from "./models/library.ts";
import { LoadedModels } from "./models/loaded-models.ts";
import { MemoryStore } from "./models/memory-store.ts";
import type { Logger } from "./observe/logger.ts";
import { Metrics } from "./observe/metrics.ts";
import { parseKeepAlive } from "./ollama/duration.ts";
import { adminRoutes, routes } from "./routes.ts";
import { Guard } from "./server/guard.ts";
import { createHttpServer } from "./server/http-server.ts";
import { Upstream } from "./upstream/upstream.ts";

export interface App {
  readonly catalog: Catalog;
  readonly library: Library;
  /** @returns the port */
  listen(): Promise<number>;
  /**
   * Lets running answers end: first `/readyz` says no, after `drain_delay` nothing new is let in, and
   * after `drain_timeout` what still runs ends with an error.
   */
  drain(immediately?: boolean): Promise<void>;
  /** Ends what still runs with an error, now. */
  interrupt(): void;
}

/** Milliseconds for the last words of interrupted answers; a client may not even be reading. */
const lastWords = 500;

/** The composition root: everything is made here, once, and handed down. */
export async function createApp(config: Config, log: Logger): Promise<App> {
  const address = listenAddress(config);
  const lifecycle = { draining: false };
  const upstreams = config.upstreams.map((upstream) => new Upstream(upstream, config.timeouts));
  const catalog = new Catalog(upstreams, log);
  const cards = new Cards(config, new Date());
  const { data_dir } = config;
  const store = data_dir === undefined ? new MemoryStore() : new FileStore(data_dir, log);
  const blobs = new Blobs(data_dir);
  const library = new Library(catalog, store);
  const control = new Control(catalog, log);
  const defaultKeepAlive = parseKeepAlive(config.keep_alive) ?? 0;
  const loaded = new LoadedModels({ cards, catalog, library, control, defaultKeepAlive });
  const running = new RunningAnswers();
  const metrics = new Metrics();
  const ignored = new IgnoredNotes(config.strict, log, metrics);
  const learned = new LearnedNotes(log, metrics);
  const answers = new Answers({ config, log, running, ignored, learned, newId });
  const embeddings = new EmbeddingAnswers({ config, log, running, ignored, learned });
  const native = new NativeAnswers({ config, log, running, ignored });
  const services: Services = {
    config,
    catalog,
    library,
    store,
    blobs,
    cards,
    loaded,
    answers,
    embeddings,
    native,
    control,
    metrics,
    lifecycle,
  };
  const admin = await createAdmin(services, log);
  const server = await createHttpServer({
    routes: routes(services),
    guard: new Guard({
      checkHost: address.loopback,
      hostname: hostname(),
      origins: config.origins,
      apiKey: config.api_key,
    }),
    log,
    pathPrefix: config.path_prefix,
    maxBody: config.max_body,
    requestTimeout: config.timeouts.request_body,
  });
  const hurry = new AbortController();
  const interrupt = () => {
    hurry.abort();
    running.interruptAll(new ProxyError("shutting_down", "server is shutting down"));
    setTimeout(() => server.cut(), lastWords).unref();
  };
  return {
    catalog,
    library,
    listen: async () => {
      await admin?.listen();
      return server.listen(address.host, address.port);
    },
    drain: async (immediately = false) => {
      lifecycle.draining = true;
      server.startDraining();
      if (!immediately) await wait(config.shutdown.drain_delay, hurry.signal);
      const deadline = setTimeout(interrupt, config.shutdown.drain_timeout);
      await server.close();
      clearTimeout(deadline);
      await admin?.close();
      await Promise.all(upstreams.map((upstream) => upstream.close()));
      await blobs.close();
    },
    interrupt,
  };
}

interface Admin {
  listen(): Promise<void>;
  close(): Promise<void>;
}

/** The second listener, where one is configured. It goes on until the last answer has ended. */
async function createAdmin(services: Services, log: Logger): Promise<Admin | undefined> {
  const { config, metrics } = services;
  const address = adminAddress(config);
  if (address === undefined) return undefined;
  metrics.watchProcess();
  const server = await createHttpServer({
    routes: adminRoutes(services),
    guard: new Guard({
      checkHost: address.loopback,
      hostname: hostname(),
      origins: [],
      apiKey: undefined,
    }),
    log,
    pathPrefix: "",
    maxBody: 1024,
    requestTimeout: config.timeouts.request_body,
  });
  return {
    listen: async () => {
      try {
        const port = await server.listen(address.host, address.port);
        log.info({ port }, "serving metrics and state");
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        throw new ConfigError(`admin.listen: can't listen on ${config.admin.listen} (${code})`);
      }
    },
    close: async () => {
      const closed = server.close();
      server.cut();
      await closed;
    },
  };
}

const idLetters = "abcdefghijklmnopqrstuvwxyz0123456789";

/** As real Ollama makes them: `call_` and eight letters or digits. */
function newId(): string {
  const letters = Array.from({ length: 8 }, () => idLetters[randomInt(idLetters.length)]);
  return `call_${letters.join("")}`;
}

/** Waits, but not beyond the signal. */
async function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {});
}
