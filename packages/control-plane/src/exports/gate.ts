/** Lets so many bodies run at a time; the others wait in their order. */
export type Gate = <T>(body: () => Promise<T>) => Promise<T>;

export function createGate(max: number): Gate {
  const waiting: (() => void)[] = [];
  let free = max;
  return async (body) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await body();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
