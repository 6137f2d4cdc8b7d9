import type { UpstreamConfig } from "../config/schema.ts";
import type { Dialect, DialectOverrides } from "../dialects/dialect.ts";
import { corrected, type ConfiguredOverrides } from "../dialects/overrides.ts";
import {
  dialectForAddress,
  dialectForModel,
  dialects,
  type DialectId,
} from "../dialects/dialects.ts";
import { dialectOfModelList, probeDialect } from "./detection.ts";

/** What the configuration says of one backend or model. */
export interface ConfiguredDialect {
  readonly dialect?: DialectId | undefined;
  readonly overrides?: ConfiguredOverrides | undefined;
}

/** A backend's dialect: configured, or told by its address until the backend itself gives a sign. */
export class KnownDialect {
  readonly #config: ConfiguredDialect;
  #dialect: Dialect;
  #because: string;

  constructor(config: Pick<UpstreamConfig, "dialect" | "overrides">, baseUrl: URL) {
    this.#config = config;
    const configured = config.dialect;
    this.#dialect = configured === undefined ? dialectForAddress(baseUrl) : dialects[configured];
    this.#because = configured === undefined ? "its address" : "the configuration";
  }

  get id(): string {
    return this.#dialect.id;
  }

  get because(): string {
    return this.#because;
  }

  /** Laid over each other: the family, its variant, the configuration, the model's, the lessons. */
  of(model: string, configured: ConfiguredDialect = {}, learned?: DialectOverrides): Dialect {
    const family = configured.dialect === undefined ? this.#dialect : dialects[configured.dialect];
    const ofBackend = corrected(dialectForModel(family, model), this.#config.overrides);
    return { ...corrected(ofBackend, configured.overrides), ...learned };
  }

  /**
   * Looks at a backend of which its address says nothing: at its list and, if it is one's own, at
   * its routes. Once is enough, if it answers at all: without signs now it will have none later.
   * @param list undefined where it is not asked for
   */
  async recognise(list: unknown, getJson: (path: string) => Promise<unknown>): Promise<void> {
    if (!this.#dialect.id.startsWith("generic") || this.#because !== "its address") return;
    const found =
      this.#dialect.id === "generic-local"
        ? await probeDialect(list, getJson)
        : { id: dialectOfModelList(list), because: "its model list" };
    if (found === undefined) return;
    this.#because = found.id === undefined ? "its address alone" : found.because;
    if (found.id !== undefined) this.#dialect = dialects[found.id];
  }
}
