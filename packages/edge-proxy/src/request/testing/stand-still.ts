import { expect } from 'vitest';

/** Waits until a number that rises has stopped rising, and gives it. */
export async function standsStill(read: () => number): Promise<number> {
  let before = -1;
  await expect
    .poll(
      () => {
        const now = read();
        const still = now === before && now > 0;
        before = now;
        return still;
      },
      { interval: 150, timeout: 20_000 },
    )
    .toBe(true);
  return before;
}
