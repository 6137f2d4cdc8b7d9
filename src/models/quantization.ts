const inName =
  /(?<![a-z0-9])(?:iq\d_(?:xxs|xs|nl|s|m)|t?q\d_(?:[01]|k(?:_(?:xl|s|m|l))?)|b?f16|fp16|f32|\dbit|awq|gptq|exl[23]|(?:mx|nv)fp4|fp[48]|int[48]|w\d{1,2}a\d{1,2})(?![a-z0-9])/;

/** `Qwen3-8B-Q4_K_M.gguf` → `Q4_K_M` */
export function quantizationInName(id: string): string | undefined {
  const found = inName.exec(id.toLowerCase().replaceAll("-", "_"))?.[0];
  if (found === undefined || found.endsWith("bit")) return found;
  return found.replace("fp16", "f16").toUpperCase();
}

/** llama.cpp's `Q4_K - Medium` is `Q4_K_M` to Ollama; what is in no such form stays as it is. */
export function quantizationName(told: string): string {
  return told
    .replace(/^\(guessed\) /, "")
    .replace(/^(?:all|mostly) /i, "")
    .replace(/ - (Small|Medium|Large)$/, (_, size: string) => `_${size.charAt(0)}`)
    .replace(/ - [\d.]+ bpw.*$/, "");
}

/** `general.file_type` of GGUF files: `llama_ftype` in llama.cpp's `include/llama.h`. */
const fileTypes: ReadonlyMap<string, number> = new Map([
  ["F32", 0],
  ["F16", 1],
  ["Q4_0", 2],
  ["Q4_1", 3],
  ["Q8_0", 7],
  ["Q5_0", 8],
  ["Q5_1", 9],
  ["Q2_K", 10],
  ["Q3_K_S", 11],
  ["Q3_K_M", 12],
  ["Q3_K_L", 13],
  ["Q4_K_S", 14],
  ["Q4_K_M", 15],
  ["Q5_K_S", 16],
  ["Q5_K_M", 17],
  ["Q6_K", 18],
  ["IQ2_XXS", 19],
  ["IQ2_XS", 20],
  ["Q2_K_S", 21],
  ["IQ3_XS", 22],
  ["IQ3_XXS", 23],
  ["IQ1_S", 24],
  ["IQ4_NL", 25],
  ["IQ3_S", 26],
  ["IQ3_M", 27],
  ["IQ2_S", 28],
  ["IQ2_M", 29],
  ["IQ4_XS", 30],
  ["IQ1_M", 31],
  ["BF16", 32],
]);

export function fileType(quantization: string): number | undefined {
  return fileTypes.get(quantization);
}
