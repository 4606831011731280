import { expect, it } from 'vitest';
import { AlarmLog } from './alarm-log.ts';

const forged = { lane: 'revoke', name: 'forged', path: 'nats', detail: 'a frame' } as const;

it('a flood of alarms is one line a second of each name and way, with how many there were', () => {
  let nowMs = 0;
  const lines: unknown[] = [];
  const log = new AlarmLog({ warn: (_event, fields) => void lines.push(fields) }, () => nowMs);
  for (let alarm = 0; alarm < 1_000; alarm += 1) log.note(forged);
  log.note({ ...forged, path: 'grpc' });
  expect(lines).toMatchObject([
    { name: 'forged', path: 'nats', count: 1 },
    { name: 'forged', path: 'grpc', count: 1 },
  ]);
  nowMs = 999;
  log.flush();
  expect(lines).toHaveLength(2);
  nowMs = 1_000;
  log.flush();
  log.flush();
  expect(lines.slice(2)).toMatchObject([{ name: 'forged', path: 'nats', count: 999 }]);
  nowMs = 5_000;
  log.note({ ...forged, detail: 'another' });
  expect(lines.at(-1)).toMatchObject({ detail: 'another', count: 1 });
});
