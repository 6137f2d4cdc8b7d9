import type { UpstreamConfig } from "../config/schema.ts";
import type { Dialect, DialectOverrides } from "../dialects/dialect.ts";
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
  readonly overrides?: DialectOverrides | undefined;
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
    const family =
      configured.dialect === undefined
        ? dialectForModel(this.#dialect, model)
        : dialects[configured.dialect];
    return { ...family, ...this.#config.overrides, ...configured.overrides, ...learned };
  }

  /** Only a backend that its address says nothing of is looked at. */
  async recognise(list: unknown, getJson: (path: string) => Promise<unknown>): Promise<void> {
    if (!this.#dialect.id.startsWith("generic") || this.#because !== "its address") return;
    const isLocal = this.#dialect.id === "generic-local";
    const listed = dialectOfModelList(list);
    const id = listed ?? (isLocal ? await probeDialect(getJson) : undefined);
    // Asked once: a backend without signs now will have none later.
    this.#because =
      id === undefined ? "its address alone" : listed ? "its model list" : "its routes";
    if (id !== undefined) this.#dialect = dialects[id];
  }
}
