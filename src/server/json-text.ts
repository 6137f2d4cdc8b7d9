/** Characters that are fine in JSON but end a line for Python's and other clients' line readers. */
const lineBreaking = /[\u0085\u2028\u2029]/;
const everyLineBreaking = /[\u0085\u2028\u2029]/g;
const loneSurrogate = /\\ud[89a-f]/;

/** A value as one line of JSON that every client's line reader keeps whole. */
export function toJsonText(value: unknown): string {
  let text = JSON.stringify(value);
  if (loneSurrogate.test(text)) text = JSON.stringify(value, wellFormed);
  return lineBreaking.test(text) ? text.replace(everyLineBreaking, escapeCharacter) : text;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.toWellFormed() : value;
}
