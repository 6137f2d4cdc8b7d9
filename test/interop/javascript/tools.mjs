import { z } from "zod";

const city = z.object({ city: z.string().describe("The name of the city") });

/** What the model may call in every client. A result tells which call it belongs to. */
export const tools = {
  get_weather: {
    description: "Get the weather of a city",
    schema: city,
    run: (input) => `the weather of ${input.city}`,
  },
  get_time: {
    description: "Get the local time of a city",
    schema: city,
    run: (input) => `the time of ${input.city}`,
  },
};

/** What a model is to describe in every client. */
export const pet = z.object({
  name: z.string(),
  age: z.number().int(),
  likes: z.array(z.enum(["walks", "naps"])),
});
