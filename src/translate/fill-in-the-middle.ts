/** A prompt that has a model of one family fill the gap between two texts. */
interface Family {
  readonly models: RegExp;
  readonly prompt: (before: string, after: string) => string;
}

/** Each family was trained with tokens of its own; any other text would make it write nonsense. */
const families: readonly Family[] = [
  {
    models: /codestral|mamba-codestral/i,
    prompt: (before, after) => `[SUFFIX]${after}[PREFIX]${before}`,
  },
  {
    models: /code-?llama/i,
    prompt: (before, after) => `<PRE> ${before} <SUF>${after} <MID>`,
  },
  {
    models: /deepseek-coder/i,
    prompt: (before, after) => `<｜fim▁begin｜>${before}<｜fim▁hole｜>${after}<｜fim▁end｜>`,
  },
  {
    models: /star-?coder|santacoder|granite/i,
    prompt: (before, after) => `<fim_prefix>${before}<fim_suffix>${after}<fim_middle>`,
  },
  {
    models: /code-?gemma|qwen.*coder|codeqwen/i,
    prompt: (before, after) => `<|fim_prefix|>${before}<|fim_suffix|>${after}<|fim_middle|>`,
  },
];

/** Undefined for a model of no known family. */
export function fillInTheMiddlePrompt(
  model: string,
  before: string,
  after: string,
): string | undefined {
  return families.find(({ models }) => models.test(model))?.prompt(before, after);
}
