/** Characters that are fine in JSON but end a line for Python's and other clients' line readers. */
const lineBreaking = /[\u0085\u2028\u2029]/;
const everyLineBreaking = /[\u0085\u2028\u2029]/g;
const loneSurrogate = /\\ud[89a-f]/;
/** Each escape of JSON text, so that `\\ud800`, which is a backslash and five letters, is none. */
const everyEscape = /\\(?:ud[89a-f]..|.)/g;

/** A value as one line of JSON that every client's line reader keeps whole. */
export function toJsonText(value: unknown): string {
  let text = JSON.stringify(value);
  if (loneSurrogate.test(text)) text = text.replace(everyEscape, replaceSurrogate);
  return lineBreaking.test(text) ? text.replace(everyLineBreaking, escapeCharacter) : text;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function replaceSurrogate(escape: string): string {
  return escape.length > 2 ? "\uFFFD" : escape;
}
