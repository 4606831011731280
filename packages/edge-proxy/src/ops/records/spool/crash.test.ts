import { test } from 'vitest';
import { crashAgainAndAgain } from './testing/crashes.ts';

test('F45 killed while it writes, an edge accepts no torn record, and goes on from the last whole one', async () => {
  await crashAgainAndAgain(24);
}, 60_000);
