import { invalidRequest } from "../errors.ts";

const nanosecondsPer: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * Parses Go's duration text ("1h30m", "500ms", "-1s", "0") to milliseconds.
 * @throws ProxyError with Go's own words (`time: missing unit in duration "300"`).
 */
export function parseGoDuration(text: string): number {
  const signed = /^([+-]?)(.*)$/s.exec(text);
  const sign = signed?.[1] === "-" ? -1 : 1;
  let rest = signed?.[2] ?? "";
  if (rest === "0") return 0;
  if (rest === "") throw invalidRequest(`time: invalid duration ${JSON.stringify(text)}`);
  let nanoseconds = 0;
  while (rest !== "") {
    const number = /^(\d+\.?\d*|\.\d+)/.exec(rest)?.[0];
    if (number === undefined) {
      throw invalidRequest(`time: invalid duration ${JSON.stringify(text)}`);
    }
    rest = rest.slice(number.length);
    const unit = /^[^\d.]+/.exec(rest)?.[0];
    if (unit === undefined) {
      throw invalidRequest(`time: missing unit in duration ${JSON.stringify(text)}`);
    }
    const factor = nanosecondsPer[unit];
    if (factor === undefined) {
      throw invalidRequest(
        `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`,
      );
    }
    nanoseconds += Number(number) * factor;
    rest = rest.slice(unit.length);
  }
  return (sign * nanoseconds) / 1e6;
}

/** How long a model stays "loaded" after a request, in milliseconds; `Infinity` means for ever. */
export type KeepAlive = number;

/**
 * Reads every `keep_alive` form that Ollama takes: a number of seconds (fractions too, negative
 * means for ever) or a Go duration.
 */
export function parseKeepAlive(value: unknown): KeepAlive | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number") return value < 0 ? Infinity : value * 1000;
  if (typeof value === "string") {
    const milliseconds = parseGoDuration(value);
    return milliseconds < 0 ? Infinity : milliseconds;
  }
  throw invalidRequest(`Unsupported type: '${goTypeName(value)}'`);
}

function goTypeName(value: unknown): string {
  if (typeof value === "boolean") return "bool";
  return Array.isArray(value) ? "[]interface {}" : "map[string]interface {}";
}
