/** A range without an upper end, for a dialect's `ranges`. */
export function atLeast(least: number): readonly [number, number] {
  return [least, Number.MAX_SAFE_INTEGER];
}
