import { tellStory } from '@sallyport/stack';
import { expect, inject, it } from 'vitest';

it('goes as the guided story of npm start tells it', async () => {
  const lines: string[] = [];
  const good = await tellStory(inject('stack'), (line) => lines.push(line));
  expect(good, lines.join('\n')).toBe(true);
});
