import type { UpstreamConfig } from "./schema.ts";

/** Which of a backend's models are served, and under which names. */
export class ModelSelection {
  readonly #include: readonly RegExp[] | undefined;
  readonly #exclude: readonly RegExp[];
  readonly #names: ReadonlyMap<string, string>;

  constructor({
    include,
    exclude,
    rename,
  }: Pick<UpstreamConfig, "include" | "exclude" | "rename">) {
    this.#include = include?.map(toPattern);
    this.#exclude = (exclude ?? []).map(toPattern);
    this.#names = new Map(Object.entries(rename ?? {}));
  }

  serves(id: string): boolean {
    const included = this.#include?.some((pattern) => pattern.test(id)) ?? true;
    return included && !this.#exclude.some((pattern) => pattern.test(id));
  }

  /** The id of the model that has this name. */
  idOf(name: string): string {
    return [...this.#names].find(([, given]) => given === name)?.[0] ?? name;
  }

  /** The name that clients see: the configuration's, else the one that goes with the id. */
  nameOf({ id, name = id }: { readonly id: string; readonly name?: string }): string {
    return this.#names.get(id) ?? this.#names.get(name) ?? name;
  }
}

/** `*` stands for anything. */
function toPattern(text: string): RegExp {
  const parts = text
    .split("*")
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`, "i");
}
