import type { UpstreamState } from "../handlers/admin.ts";
import type { Explanation } from "../models/explanation.ts";
import type { CheckedBackend } from "./check-backend.ts";
import { sum } from "./check-cost.ts";
import { probeNames, type ProbeName } from "./check-probes.ts";
import { deadEnds, type CheckedRoute, type Listed } from "./check-routes.ts";
import { columns, printable } from "./check-table.ts";

/** What a proxy that serves already has learned; undefined where none answers. */
export interface RunningProxy {
  readonly address: string;
  readonly upstreams: readonly Pick<UpstreamState, "id" | "lessons">[] | undefined;
}

export interface CheckFacts {
  readonly backends: readonly CheckedBackend[];
  readonly routes: readonly CheckedRoute[];
  /** The model that was to be asked, if no backend has it. */
  readonly unknownModel?: string;
  /** Absent where no admin listener is configured. */
  readonly running?: RunningProxy | undefined;
}

/** Undefined where its list was not asked for, and no answer shows it. */
export function isReachable({
  state,
  listConfigured,
  findings,
}: CheckedBackend): boolean | undefined {
  if (!listConfigured) return state.reachable;
  return findings.chat.result === "yes" ? true : undefined;
}

/** Whether nothing is left to repair; what a backend can't do is nothing to repair. */
export function isWell({ state, keys, findings }: CheckedBackend): boolean {
  const { result } = findings.chat;
  return (
    state.problem === undefined &&
    state.models > 0 &&
    !keys.includes("rejected") &&
    (result === "yes" || result === "not tried")
  );
}

/** Whether the command's exit code is 0. */
export function isAllWell({ backends, routes, unknownModel }: CheckFacts): boolean {
  return unknownModel === undefined && backends.every(isWell) && routes.every(leadsSomewhere);
}

/** Whether each of its targets is there, as far as backends tell. */
export function leadsSomewhere(route: CheckedRoute): boolean {
  return deadEnds(route).length === 0;
}

/** What `check` prints: a column for each backend, what needs more words below it. */
export function checkReport({ backends, routes, unknownModel, running }: CheckFacts): string {
  const sections = [
    ...inBlocks(backends).map((block) => table(block)),
    ...backends.map((backend) => titled(backend.state.id, notesOn(backend))),
    unknownModel === undefined ? [] : [`No backend lists ${printable(unknownModel)}.`],
    routeLines(routes),
    titled("Routes that may lead nowhere", routes.flatMap(deadEnds).flatMap(sentence)),
    costLines(backends),
    runningLines(running),
  ];
  const text = sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => `  ${line}`.trimEnd()).join("\n"))
    .join("\n\n");
  return `\n${text}\n\n`;
}

const rows: readonly (readonly [title: string, cell: (backend: CheckedBackend) => string])[] = [
  ["Backend", ({ state }) => state.id],
  ["Address", ({ address }) => address],
  ["Reachable", reachable],
  ["Latency", ({ latency }) => (latency === undefined ? "-" : time(latency))],
  ["Key valid", ({ keys }) => tally(keys)],
  ["Dialect", ({ state }) => state.dialect],
  ["  known by", ({ state }) => state.because],
  ["Models", ({ state }) => String(state.models)],
  ["  chats", ({ model = "-" }) => model],
  ["  embeds", ({ embeddingModel = "-" }) => embeddingModel],
  ["First token", ({ firstToken }) => (firstToken === undefined ? "-" : time(firstToken))],
  ...probeNames.map(
    (name) => [titleOf(name), ({ findings }: CheckedBackend) => findings[name].result] as const,
  ),
];

function titleOf(name: ProbeName): string {
  return {
    chat: "Chat",
    streaming: "Streaming",
    tools: "Tools",
    json_schema: "JSON schema",
    thinking: "Thinking",
    vision: "Vision",
    embeddings: "Embeddings",
    fim: "FIM",
  }[name];
}

const titleWidth = 11;
/** Of the whole table, and of its narrowest column; what is more goes into a table below. */
const tableWidth = 80;
const leastWidth = 11;
const mostColumns = 6;

function inBlocks(backends: readonly CheckedBackend[]): (readonly CheckedBackend[])[] {
  const count = Math.ceil(backends.length / mostColumns);
  const size = Math.ceil(backends.length / count);
  return Array.from({ length: count }, (_, at) => backends.slice(at * size, (at + 1) * size));
}

function table(backends: readonly CheckedBackend[]): string[] {
  const share = Math.floor((tableWidth - titleWidth - 2) / backends.length) - 2;
  const limits = backends.map(() => Math.max(leastWidth, share));
  return columns(
    rows.map(([title, cell]) => [title, ...backends.map(cell)]),
    [titleWidth, ...limits],
  );
}

function reachable(backend: CheckedBackend): string {
  const known = isReachable(backend);
  if (known !== undefined) return known ? "yes" : "no";
  return backend.findings.chat.result === "not tried" ? "not asked" : "see below";
}

/** `yes`, or where keys differ `2 yes, 1 rejected`. */
function tally(verdicts: readonly string[]): string {
  const kinds = [...new Set(verdicts)];
  if (kinds.length === 1) return kinds.join("");
  return kinds
    .map((kind) => `${verdicts.filter((verdict) => verdict === kind).length} ${kind}`)
    .join(", ");
}

function time(milliseconds: number): string {
  return milliseconds < 1000
    ? `${Math.round(milliseconds)} ms`
    : `${(milliseconds / 1000).toFixed(1)} s`;
}

type Note = readonly [name: string, text: string];

/** With the four spaces before and two between, 100 at most. */
const noteWidth = 94;
const nameWidth = 20;

function notesOn(backend: CheckedBackend): string[] {
  const { state, keys, findings, optionsProblem, ignored, card = [] } = backend;
  const problem = state.problem ?? (state.models === 0 ? "it lists no models" : undefined);
  const found = probeNames.flatMap((name): Note[] => {
    const { result, reason } = findings[name];
    return reason === undefined ? [] : [[titleOf(name), `${result}: ${reason}`]];
  });
  return [
    ...notes([
      ...(problem === undefined ? [] : [["Problem", problem] as const]),
      ...(new Set(keys).size > 1
        ? keys.map((verdict, at): Note => [`Key ${at + 1}`, verdict])
        : []),
      ...found,
      ...(optionsProblem === undefined ? [] : [["All options", optionsProblem] as const]),
      ...state.lessons.map(({ what }): Note => ["Learned", what.join(", ")]),
      ...(ignored.length === 0 ? [] : [["Not told", ignored.join(", ")] as const]),
    ]),
    ...cardLines(card),
  ];
}

function notes(given: readonly Note[]): string[] {
  const width = Math.min(nameWidth, Math.max(0, ...given.map(([name]) => name.length)));
  return columns(given, [width, noteWidth - width]);
}

/** What is known of a model, each fact with its source. */
function cardLines(card: readonly Explanation[]): string[] {
  return columns(
    card.map(({ fact, value, source }) => [
      fact,
      value === true ? "yes" : value === false ? "no" : String(value),
      source,
    ]),
    [20, 30, 40],
  );
}

function sentence(text: string): string[] {
  return columns([[text]], [noteWidth]);
}

function titled(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
}

function routeLines(routes: readonly CheckedRoute[]): string[] {
  if (routes.length === 0) return [];
  const lines = routes.flatMap(({ name, policy, targets, fallback }) => {
    const places = [
      ...targets.map(({ upstream, model, listed }) => [`${upstream}/${model}`, listedText(listed)]),
      ...fallback.map(({ model, listed }) => [`else ${model}`, listedText(listed)]),
    ];
    const shown = places.length === 0 ? [["nowhere", "no"]] : places;
    return shown.map((place, at) => (at === 0 ? [name, policy, ...place] : ["", "", ...place]));
  });
  return columns([["Route", "Policy", "Target", "Listed"], ...lines], [24, 11, 44, 15]);
}

function listedText(listed: Listed): string {
  if (typeof listed === "string") return listed;
  return listed === 1 ? "1 model" : `${listed} models`;
}

function costLines(backends: readonly CheckedBackend[]): string[] {
  const { requests, input, output } = sum(backends.map(({ cost }) => cost));
  if (requests === 0) return [];
  const count = requests === 1 ? "1 request" : `${requests} requests`;
  return [`Asked in ${count}: about ${input} tokens read and ${output} written.`];
}

function runningLines(running: RunningProxy | undefined): string[] {
  if (running === undefined) return [];
  const { address, upstreams } = running;
  if (upstreams === undefined) return [`No proxy answers at ${address} (admin.listen).`];
  const lessons = upstreams.flatMap(({ id, lessons: learned }) =>
    learned.map(({ model, what }): Note => [id, `${model}: ${what.join(", ")}`]),
  );
  return lessons.length === 0
    ? [`The proxy at ${address} has learned nothing yet.`]
    : titled(`The proxy at ${address} has learned in the last hour:`, notes(lessons));
}
