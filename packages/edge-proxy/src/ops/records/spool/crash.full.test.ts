import { test } from 'vitest';
import { crashAgainAndAgain } from './testing/crashes.ts';

test('F45 killed a thousand times while it writes, an edge accepts no torn record', async () => {
  await crashAgainAndAgain(1_000);
}, 1_800_000);
