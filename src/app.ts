import { randomInt } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { ConfigError } from "./config/config-error.ts";
import { adminAddress, listenAddress } from "./config/listen-address.ts";
import { changesAtStart, withStartSettings } from "./config/start-settings.ts";
import type { Config } from "./config/schema.ts";
import { ProxyError } from "./errors.ts";
import { Generation, type Lasting } from "./generation.ts";
import { GenerationSwitch } from "./generation-switch.ts";
import { upstreamReadings } from "./handlers/admin.ts";
import { AnswerReports } from "./inference/answer-reports.ts";
import { RequestLog } from "./observe/request-log.ts";
import { RunningAnswers } from "./inference/running.ts";
import { Blobs } from "./models/blobs.ts";
import type { Catalog } from "./models/catalog.ts";
import { FileStore } from "./models/file-store.ts";
import type { Library } from "./models/library.ts";
import { MemoryStore } from "./models/memory-store.ts";
import type { Logger, ProcessLogger } from "./observe/logger.ts";
import { Metrics } from "./observe/metrics.ts";
import { UpstreamLog } from "./observe/upstream-log.ts";
import { Guard } from "./server/guard.ts";
import { createHttpServer } from "./server/http-server.ts";
import { Overload } from "./server/overload.ts";

export interface App {
  readonly catalog: Catalog;
  readonly library: Library;
  readonly metrics: Metrics;
  /** @returns the port */
  listen(): Promise<number>;
  /**
   * New requests are answered as this configuration says; those that run end as they began.
   * @returns the settings that only a restart would change
   * @throws ConfigError, and nothing has changed
   */
  reload(config: Config): Promise<readonly string[]>;
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

/** The composition root, with `Generation`: everything is made there or here, and handed down. */
export async function createApp(config: Config, log: ProcessLogger): Promise<App> {
  const address = listenAddress(config);
  const lifecycle = { draining: false };
  const overload = new Overload(config.overload, log);
  const { data_dir } = config;
  const store = data_dir === undefined ? new MemoryStore() : new FileStore(data_dir, log);
  const blobs = new Blobs(data_dir);
  const running = new RunningAnswers();
  const metrics = new Metrics();
  const requests = new RequestLog(log, config.path_prefix);
  const lasting: Lasting = {
    log,
    store,
    blobs,
    metrics,
    lifecycle,
    overload,
    running,
    reports: new AnswerReports(requests, metrics),
    used: new Map(),
    events: new UpstreamLog(log, metrics.upstreams),
    newId,
    startedAt: new Date(),
    checkHost: address.loopback,
    hostname: hostname(),
  };
  const generations = new GenerationSwitch(new Generation(config, lasting), log);
  const current = () => generations.current;
  metrics.watchLog(() => log.dropped());
  metrics.upstreams.watch(() => upstreamReadings(current().services.catalog));
  metrics.watchRequests(() => requests.underWay);
  const admin = await createAdmin(generations, log);
  const server = await createHttpServer({
    // The table is the same in each generation; what is behind it is not.
    routes: current().routes.map((route, place) => ({
      ...route,
      handler: (request, reply) => current().answer(place, request, reply),
    })),
    guard: {
      allowsHost: (header) => current().guard.allowsHost(header),
      allowsOrigin: (origin) => current().guard.allowsOrigin(origin),
      allowsKey: (authorization) => current().guard.allowsKey(authorization),
    },
    onOpened: () => requests.opened(),
    onClosed: (request, reply, milliseconds, thrown) =>
      requests.closed(request, reply, milliseconds, thrown),
    log,
    pathPrefix: config.path_prefix,
    maxBody: config.max_body,
    requestTimeout: config.timeouts.request_body,
    overload,
    onShed: (pressure) => metrics.countShed(pressure),
  });
  const hurry = new AbortController();
  const interrupt = () => {
    hurry.abort();
    running.interruptAll(new ProxyError("shutting_down", "server is shutting down"));
    setTimeout(() => server.cut(), lastWords).unref();
  };
  return {
    get catalog() {
      return current().services.catalog;
    },
    get library() {
      return current().services.library;
    },
    metrics,
    listen: async () => {
      await admin?.listen();
      const port = await server.listen(address.host, address.port);
      overload.start();
      current().healthChecks.start();
      return port;
    },
    reload: async (wanted) => {
      const next = withStartSettings(wanted, config);
      // Both throw where this would let strangers in.
      listenAddress(next);
      adminAddress(next);
      await generations.replace((earlier) => new Generation(next, lasting, earlier));
      return changesAtStart(wanted, config);
    },
    drain: async (immediately = false) => {
      lifecycle.draining = true;
      const { shutdown } = current().services.config;
      server.startDraining();
      if (!immediately) await wait(shutdown.drain_delay, hurry.signal);
      const deadline = setTimeout(interrupt, shutdown.drain_timeout);
      await server.close();
      clearTimeout(deadline);
      overload.stop();
      await admin?.close();
      await generations.close();
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
async function createAdmin(generations: GenerationSwitch, log: Logger): Promise<Admin | undefined> {
  const { adminRoutes, services } = generations.current;
  const { config, metrics } = services;
  const address = adminAddress(config);
  if (address === undefined) return undefined;
  metrics.watchProcess();
  const requests = new RequestLog(log, "");
  const server = await createHttpServer({
    onOpened: () => requests.opened(),
    onClosed: (...closed) => requests.closed(...closed),
    routes: adminRoutes.map((route, place) => ({
      ...route,
      handler: (request, reply) => generations.current.adminRoutes[place]?.handler(request, reply),
    })),
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
