import * as fc from "fast-check";

/** The same bytes in two pieces, cut at every place. */
export function* twoPieces(bytes: Buffer): Generator<readonly [Buffer, Buffer]> {
  for (let at = 0; at <= bytes.length; at += 1) {
    yield [bytes.subarray(0, at), bytes.subarray(at)];
  }
}

/** The bytes in pieces of one size. */
export function piecesOf(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

/** The bytes cut at any number of places, some of them the same, so that a piece may be empty. */
export function anyPieces(bytes: Buffer): fc.Arbitrary<Buffer[]> {
  return fc
    .array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 40 })
    .map((places) => cutAt(bytes, places));
}

export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places, bytes.length].toSorted((left, right) => left - right);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}
