import { request } from 'undici';

/** One figure of a process, with its labels. */
export interface Figure {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a process says at `/metrics` of its operations listener. */
export async function readMetrics(ops: string): Promise<readonly Figure[]> {
  const response = await request(`${ops}/metrics`, { headersTimeout: 3_000, bodyTimeout: 3_000 });
  const text = await response.body.text();
  return text.split('\n').flatMap((line) => {
    const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (found === null) return [];
    const [, name = '', labels = '', value = ''] = found;
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    return [
      {
        name,
        labels: Object.fromEntries(pairs.map(([, key = '', text = '']) => [key, text])),
        value: Number(value),
      },
    ];
  });
}

/** Sum of a figure over all label sets that hold these labels; 0 where there is none. */
export function sum(
  figures: readonly Figure[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  return figures
    .filter((figure) => figure.name === name)
    .filter((figure) =>
      Object.entries(labels).every(([key, value]) => figure.labels[key] === value),
    )
    .reduce((total, { value }) => total + value, 0);
}

/** Whether a process says that it is ready. */
export async function isReady(ops: string): Promise<boolean> {
  try {
    const response = await request(`${ops}/readyz`, { headersTimeout: 1_000, bodyTimeout: 1_000 });
    await response.body.dump();
    return response.statusCode === 200;
  } catch {
    return false;
  }
}
