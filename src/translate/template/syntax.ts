import type { Value } from "./values.ts";

/** What a template is once it is read. */
export interface Template {
  readonly nodes: readonly Node[];
  /** Those of `define` and `block`, by name. */
  readonly definitions: ReadonlyMap<string, readonly Node[]>;
  /** Every name that comes after a dot, in small letters. */
  readonly fields: ReadonlySet<string>;
}

export type Node =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "action"; readonly pipeline: Pipeline }
  | BranchNode
  | { readonly type: "template"; readonly name: string; readonly pipeline: Pipeline }
  | { readonly type: "break" | "continue" };

export interface BranchNode {
  readonly type: "if" | "with" | "range";
  readonly pipeline: Pipeline;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

/** `$a, $b := first | second`. */
export interface Pipeline {
  readonly line: number;
  readonly variables: readonly string[];
  /** Whether they are new (`:=`) or were declared before (`=`). */
  readonly declares: boolean;
  readonly commands: readonly Command[];
}

/** A function and its arguments, or one operand that is a value. */
export interface Command {
  readonly first: Operand;
  readonly rest: readonly Operand[];
}

/** `path` are the fields that are then looked up, one in the other. */
export type Operand =
  | { readonly type: "nil" }
  | { readonly type: "literal"; readonly value: Value }
  | { readonly type: "function"; readonly name: string }
  | { readonly type: "dot"; readonly path: readonly string[] }
  | { readonly type: "variable"; readonly name: string; readonly path: readonly string[] }
  | { readonly type: "pipeline"; readonly pipeline: Pipeline; readonly path: readonly string[] };
