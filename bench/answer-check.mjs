import { modelNamed, textAt } from "./models.mjs";

/**
 * Holds every line of one answer against what the backend sent, and throws at the first difference:
 * a proxy that loses, merges, reorders or damages text has no figures.
 *
 * @param {import("./fronts.mjs").Front} front
 * @param {string} name The model's.
 * @param {() => void} onText Called for each piece of text.
 */
export function answerCheck(front, name, onText) {
  const model = modelNamed(name);
  let count = 0;
  let ends = 0;
  return {
    /** @param {string} line */
    push(line) {
      const { text, end } = front.read(line);
      if (text) {
        if (text !== textAt(model, count)) {
          const expected = JSON.stringify(textAt(model, count));
          throw new Error(`${name}: text ${count} is ${JSON.stringify(text)}, not ${expected}`);
        }
        count += 1;
        onText();
      }
      if (end) ends += 1;
    },
    end() {
      if (count !== model.events || ends !== 1) {
        throw new Error(
          `${name}: ${count} texts and ${ends} ends came, not ${model.events} and one`,
        );
      }
    },
  };
}
