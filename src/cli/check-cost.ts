/** What questions to a backend came to. */
export interface Cost {
  readonly requests: number;
  /** Tokens, as the backend counts them. */
  readonly input: number;
  readonly output: number;
}

export function sum(costs: readonly Cost[]): Cost {
  return {
    requests: costs.reduce((all, { requests }) => all + requests, 0),
    input: costs.reduce((all, { input }) => all + input, 0),
    output: costs.reduce((all, { output }) => all + output, 0),
  };
}
