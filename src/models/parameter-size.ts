const units = { K: 1e3, M: 1e6, B: 1e9, T: 1e12 } as const;

/**
 * The size that an id tells: `llama3:70b` → `70B`, `qwen2p5-0p5b` → `0.5B`, `mixtral-8x7b` → `8x7B`,
 * `gemma-3n-e4b` → `E4B`. The `a3b` of a mixture of experts is not its size, nor is the `1m` of a
 * context window.
 */
const inName =
  /(?<![a-z0-9.])(\d{1,2}x)?(e)?(\d{1,4}(?:[.p]\d{1,2})?)(?:(b)|(?<=\d{2})(m))(?![a-z0-9])/;

export function sizeInName(id: string): string | undefined {
  const [, experts = "", effective = "", number, billions, millions] =
    inName.exec(id.toLowerCase()) ?? [];
  if (number === undefined) return undefined;
  const unit = (billions ?? millions ?? "").toUpperCase();
  return `${experts}${effective.toUpperCase()}${number.replace("p", ".")}${unit}`;
}

/** `134.52M` → 134520000; none for `8x7B` and `E4B`, which name no total. */
export function parameterCount(size: string): number | undefined {
  const [, number, unit] = /^(\d{1,6}(?:\.\d{1,6})?)([KMBT])$/i.exec(size.trim()) ?? [];
  if (number === undefined || unit === undefined) return undefined;
  const count = Math.round(Number(number) * units[unit.toUpperCase() as keyof typeof units]);
  return count > 0 && Number.isSafeInteger(count) ? count : undefined;
}

/** 134515008 → `134.52M`, 7000000000 → `7B`: as Ollama writes it. */
export function shortCount(count: number): string {
  if (count >= units.T) return rounded(count / units.T, 1, "T");
  if (count >= units.B) return rounded(count / units.B, 1, "B");
  if (count >= units.M) return rounded(count / units.M, 2, "M");
  return count >= units.K ? rounded(count / units.K, 0, "K") : String(count);
}

function rounded(number: number, digits: number, unit: string): string {
  return `${Number.isInteger(number) ? number : number.toFixed(digits)}${unit}`;
}
