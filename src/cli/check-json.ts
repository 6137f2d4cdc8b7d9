import type { CheckedBackend } from "./check-backend.ts";
import { sum } from "./check-cost.ts";
import { isAllWell, isReachable, leadsSomewhere, isWell, type CheckFacts } from "./check-report.ts";
import { printable } from "./check-table.ts";

/** The report for scripts; it has the names of the configuration and of `/state`. */
export function checkJson(facts: CheckFacts): string {
  const { backends, routes, unknownModel, running } = facts;
  const document = {
    ok: isAllWell(facts),
    upstreams: backends.map(toUpstream),
    routes: routes.map((route) => ({ ...route, ok: leadsSomewhere(route) })),
    cost: sum(backends.map(({ cost }) => cost)),
    unknown_model: unknownModel,
    running,
  };
  return `${JSON.stringify(document, asPrintable, 2)}\n`;
}

function asPrintable(_: string, value: unknown): unknown {
  return typeof value === "string" ? printable(value) : value;
}

function toUpstream(backend: CheckedBackend) {
  const { state, findings, cost, card } = backend;
  return {
    id: state.id,
    ok: isWell(backend),
    address: backend.address,
    reachable: isReachable(backend),
    problem: state.problem,
    latency_ms: rounded(backend.latency),
    keys: backend.keys,
    dialect: state.dialect,
    known_by: state.because,
    models: state.models,
    list_configured: backend.listConfigured,
    model: backend.model,
    embedding_model: backend.embeddingModel,
    first_token_ms: rounded(backend.firstToken),
    features: findings,
    all_options: backend.optionsProblem,
    learned: state.lessons,
    not_told: backend.ignored,
    cost,
    card,
  };
}

function rounded(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds);
}
