import { createLog } from '@sallyport/shared/log';
import type { NackMessage } from '@sallyport/shared/sync/messages';
import { expect, test } from 'vitest';
import { createNackLog } from './nack-log.ts';

const nack = (lane: NackMessage['lane'], rev: number): NackMessage => ({
  lane,
  position: { epoch: 1, rev },
  code: 'SCHEMA',
  detail: '',
  refusedSha256: new Uint8Array(),
});

test('refusals are one line a second for each edge and lane, with their number', () => {
  const lines: unknown[] = [];
  const write = (line: string): unknown => lines.push(JSON.parse(line));
  const nacks = createNackLog(createLog('warn', {}, write));
  for (let rev = 1; rev <= 1_000; rev += 1) nacks.note('edg_a', nack('config', rev));
  nacks.note('edg_a', nack('revoke', 1));
  nacks.note('edg_b', nack('config', 1));
  expect(lines).toHaveLength(3);
  nacks.flush();
  expect(lines).toHaveLength(4);
  expect(lines.at(-1)).toMatchObject({ edge: 'edg_a', lane: 'config', count: 999 });
  nacks.flush();
  nacks.note('edg_a', nack('config', 1_001));
  expect(lines).toHaveLength(5);
  expect(lines.at(-1)).toMatchObject({ count: 1, position: { rev: 1_001 } });
});
