import { expect, test } from 'vitest';
import { Slots } from './slots.ts';

test('work beyond the slots is refused, and a slot is free again however its work ended', async () => {
  const slots = new Slots(2);
  const ends: (() => void)[] = [];
  const running = [1, 2].map(() =>
    slots.run(
      () =>
        new Promise<void>((resolve) => {
          ends.push(resolve);
        }),
    ),
  );
  const one = () => slots.run(() => Promise.resolve('done'));
  await expect(one()).rejects.toMatchObject({ code: 'too_many_requests' });
  for (const end of ends) end();
  await Promise.all(running);
  await expect(slots.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(slots.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await one()).toBe('done');
});
