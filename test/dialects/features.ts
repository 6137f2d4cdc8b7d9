import { answerFeatures } from "./features/answers.ts";
import { bareTextFeatures } from "./features/bare-text.ts";
import { conversationFeatures } from "./features/conversations.ts";

/** Every feature of Ollama's API that a backend may lack, in groups. */
export const features = { ...answerFeatures, ...conversationFeatures, ...bareTextFeatures };
