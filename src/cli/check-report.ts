import { stripVTControlCharacters } from "node:util";
import type { UpstreamState } from "../handlers/admin.ts";
import type { Explanation } from "../models/explanation.ts";
import type { CheckedBackend } from "./check-backend.ts";

/** What a proxy that serves already has learned; undefined where none answers. */
export interface RunningProxy {
  readonly address: string;
  readonly upstreams: readonly Pick<UpstreamState, "id" | "lessons">[] | undefined;
}

export interface CheckFacts {
  readonly backends: readonly CheckedBackend[];
  /** The model that was to be asked, if no backend has it. */
  readonly unknownModel?: string;
  /** Absent where no admin listener is configured. */
  readonly running?: RunningProxy | undefined;
}

const width = 100;

interface Column {
  readonly title: string;
  readonly cell: (backend: CheckedBackend) => string;
}

const columns: readonly Column[] = [
  { title: "Backend", cell: ({ state }) => state.id },
  { title: "Address", cell: ({ address }) => address },
  { title: "Reachable", cell: reachable },
  { title: "Dialect", cell: ({ state }) => `${state.dialect} (by ${state.because})` },
  { title: "Models", cell: ({ state }) => String(state.models) },
  { title: "Request", cell: requestOutcome },
];

/** Whether nothing is left to repair. */
export function isWell({ state, request }: CheckedBackend): boolean {
  return state.problem === undefined && state.models > 0 && request?.problem === undefined;
}

/** What `check` prints: a row for each backend, what needs more words below it. */
export function checkReport({ backends, unknownModel, running }: CheckFacts): string {
  const table = [
    columns.map(({ title }) => title),
    ...backends.map((backend) => columns.map(({ cell }) => printable(cell(backend)))),
  ];
  const notes = backends.map((backend) => titled(backend.state.id, notesOn(backend)));
  const unknown =
    unknownModel === undefined ? [] : [`  No backend lists ${printable(unknownModel)}.`];
  const sections = [aligned(table), ...notes, unknown, runningNotes(running)];
  return `\n${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n\n`;
}

function reachable({ state, listConfigured, request }: CheckedBackend): string {
  if (!listConfigured) return state.reachable ? "yes" : "no";
  if (request === undefined) return "not asked";
  return request.problem === undefined ? "yes" : "see below";
}

function requestOutcome({ request }: CheckedBackend): string {
  if (request === undefined) return "none";
  const { model, milliseconds, problem } = request;
  const time = `${(milliseconds / 1000).toFixed(1)} s`;
  return `${model} ${problem === undefined ? `answered in ${time}` : "failed"}`;
}

function notesOn({ state, request, card = [] }: CheckedBackend): string[] {
  const { problem, lessons, models } = state;
  return [
    ...(problem === undefined ? [] : note("problem", [problem])),
    ...(problem === undefined && models === 0 ? note("problem", ["it lists no models"]) : []),
    ...(request?.problem === undefined ? [] : note("failed", [request.problem])),
    ...lessons.flatMap(({ what }) => note("learned", what)),
    ...(request === undefined ? [] : note("not told", request.ignored)),
    ...cardLines(card),
  ];
}

/** What is known of a model, each fact with its source. */
function cardLines(card: readonly Explanation[]): string[] {
  const rows = card.map(({ fact, value, source }) => [
    fact,
    value === true ? "yes" : value === false ? "no" : String(value),
    source,
  ]);
  const widths = [0, 1].map((column) =>
    Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    `    ${row.map((cell, column) => printable(cell).padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd(),
  );
}

function runningNotes(running: RunningProxy | undefined): string[] {
  if (running === undefined) return [];
  const { address, upstreams } = running;
  if (upstreams === undefined) return [`  No proxy answers at ${address} (admin.listen).`];
  const lessons = upstreams.flatMap(({ id, lessons: learned }) =>
    learned.flatMap(({ model, what }) => note(id, [`${model}: ${what.join(", ")}`])),
  );
  return [
    `  The proxy at ${address} has learned ${lessons.length === 0 ? "nothing yet." : "in the last hour:"}`,
    ...lessons,
  ];
}

function titled(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`  ${title}`, ...lines];
}

/** A name, and what belongs to it in as many lines as it needs. */
function note(givenName: string, givenItems: readonly string[]): string[] {
  const name = printable(givenName);
  const items = givenItems.map(printable);
  const indent = 4 + Math.max(9, name.length + 1);
  const lines: string[] = [];
  for (const item of items) {
    const last = lines.at(-1);
    const joined = `${last}, ${item}`;
    if (last !== undefined && indent + joined.length < width) lines.splice(-1, 1, joined);
    else lines.push(item);
  }
  return lines.map((line, index) => {
    const comma = index < lines.length - 1 ? "," : "";
    return `${(index === 0 ? `    ${name}` : "").padEnd(indent)}${line}${comma}`;
  });
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd(),
  );
}

/** Names and texts are the backend's own, and a terminal obeys escape sequences. */
function printable(text: string): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
}
