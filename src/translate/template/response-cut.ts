import type { BranchNode, Node, Operand, Pipeline } from "./syntax.ts";

/** `{{ .Response }}`, which Ollama takes to be at the end of a template that doesn't have it. */
export const responseNode: Node = {
  type: "action",
  pipeline: {
    line: 1,
    variables: [],
    declares: false,
    commands: [{ first: { type: "dot", path: ["Response"] }, rest: [] }],
  },
};

interface Cut {
  readonly nodes: readonly Node[];
  readonly found: boolean;
}

/** The template up to and with the first action that has `.Response` in it. */
export function cutAfterResponse(nodes: readonly Node[]): readonly Node[] {
  return cut(nodes).nodes;
}

function cut(nodes: readonly Node[]): Cut {
  const kept: Node[] = [];
  for (const node of nodes) {
    const [part, found] = cutNode(node);
    kept.push(part);
    if (found) return { nodes: kept, found };
  }
  return { nodes: kept, found: false };
}

/** Looks into blocks, but not at their conditions: `{{ if .Response }}` is no place to cut. */
function cutNode(node: Node): [part: Node, found: boolean] {
  if (node.type === "action") return [node, asksFor(node.pipeline)];
  return "body" in node ? cutBranch(node) : [node, false];
}

function cutBranch(node: BranchNode): [part: Node, found: boolean] {
  const body = cut(node.body);
  if (body.found) return [{ ...node, body: body.nodes, otherwise: [] }, true];
  const otherwise = cut(node.otherwise);
  return [{ ...node, otherwise: otherwise.nodes }, otherwise.found];
}

function asksFor(pipeline: Pipeline): boolean {
  return pipeline.commands.some(({ first, rest }) => [first, ...rest].some(isResponse));
}

function isResponse(operand: Operand): boolean {
  if (operand.type === "pipeline") return asksFor(operand.pipeline);
  return operand.type === "dot" && operand.path.includes("Response");
}
