export interface Answer {
  method: string;
  path: string;
  status: number;
  contentType: string;
  text: string;
}

export interface Finding {
  where: string;
  kind: string;
  problems: string[];
}

export type Describe = (
  method: string,
  path: string,
  contentType: string,
  value: unknown,
) => string[];

export function checkAnswer(answer: Answer, describe?: Describe): Finding[];
export function check(kind: string, value: unknown): string[];
