// What the backend can play. The load client reads the same table to know what has to arrive.

// Words as a tokenizer cuts them: most are short ASCII, some need an escape in JSON, some are UTF-8.
const tokens = [
  'The| quick| brown| fox| jumps| over| the| lazy| dog|,| and| then| it| says|:| "|hello|"|.|\n\n',
  "In| other| words|,| a| token| is| about| four| characters| of| English| text|,| or| three",
  " quarters| of| a| word|;| caf|é| and| na|ï|ve| take| more|…|\n|-| one|\n|-| two|\n\n|So| a",
  " page| has| some| eight| hundred| of| them|,| so| long| answers| come| in| thousands| of| small| pieces| of| plain| text|.\n\n",
].flatMap((line) => line.split("|"));

/**
 * One of the shared beats: every paced stream sends its next event on a beat, so that many streams
 * cost the backend one timer.
 */
export const beatMilliseconds = 5;

/**
 * - `blocks`: events as fast as the reader takes them, many to a write; each its own HTTP chunk.
 * - `single-writes`: events as fast as the reader takes them, one to a write.
 * - `beats`: one event every `beats` beats.
 * - `whole`: an answer that is not streamed.
 *
 * @typedef {{ play: "blocks" | "single-writes" | "beats" | "whole", events: number, beats?: number }}
 *   Model
 */

/** @type {Readonly<Record<string, Model>>} */
export const models = {
  coalesced: { play: "blocks", events: 20_000 },
  "one-per-write": { play: "single-writes", events: 500 },
  paced: { play: "beats", events: 60, beats: 10 },
  slow: { play: "beats", events: 6, beats: 200 },
  endless: { play: "blocks", events: 500_000 },
  "endless-brief": { play: "blocks", events: 100_000 },
  "one-token": { play: "single-writes", events: 1 },
  short: { play: "whole", events: 1 },
};

/** @param {string} name */
export function modelNamed(name) {
  const model = models[name];
  if (model === undefined) throw new Error(`The benchmark's backend has no model "${name}"`);
  return model;
}

const wholeText = tokens.join("");

/**
 * The text of a model's event number `index`, counted from 0.
 *
 * @param {Model} model
 * @param {number} index
 */
export function textAt(model, index) {
  return model.play === "whole" ? wholeText : (tokens[index % tokens.length] ?? "");
}
