import { chatFamilies } from "./chat-families.ts";
import { embeddingFamilies } from "./embedding-families.ts";
import type { Family } from "./family.ts";

/** The first that fits counts. An embedding model often bears the name of what it was made from. */
export const families: readonly Family[] = [...embeddingFamilies, ...chatFamilies];

export function familyOf(id: string): Family | undefined {
  const name = id.toLowerCase().replaceAll("_", "-");
  const lastPart = name.slice(name.lastIndexOf("/") + 1);
  return families.find((family) => family.id.test(lastPart));
}
