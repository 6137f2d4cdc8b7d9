import { splitIntoPieces } from "./pieces.ts";

/** The other words that a model might have said; 20 is the most that OpenAI's API offers. */
const ALTERNATIVES = splitIntoPieces(
  " the a and to of in is it that for on with as be at by this from or an",
);

/** Made-up log probabilities in OpenAI's shape: the same for the same piece, likeliest first. */
export function toTokenLogprob(piece: string, topCount: number) {
  const others = ALTERNATIVES.filter((word) => word !== piece);
  const logprob = -(1 + (Buffer.byteLength(piece) % 10)) / 100;
  return {
    ...describe(piece, logprob),
    top_logprobs: [piece, ...others]
      .slice(0, topCount)
      .map((token, rank) => describe(token, logprob - rank)),
  };
}

function describe(token: string, logprob: number) {
  return { token, logprob, bytes: [...Buffer.from(token)] };
}
