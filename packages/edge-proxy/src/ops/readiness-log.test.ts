import { createLog } from '@sallyport/shared/log';
import { expect, it } from 'vitest';
import { ReadinessLog } from './readiness-log.ts';

it('says when the edge becomes ready, is blocked, and is no longer, each once', () => {
  const events: string[] = [];
  const log = createLog('info', {}, (line) => {
    const { event, reasons } = JSON.parse(line) as { event: string; reasons?: string[] };
    events.push([event, ...(reasons ?? [])].join(' '));
  });
  const readiness = new ReadinessLog(log);
  const told = [
    ['worker_starting'],
    ['revoke_missing'],
    [],
    [],
    ['edge_blocked'],
    ['edge_blocked', 'cookie_ring_missing'],
    [],
    ['state_too_old:revoke'],
    ['state_too_old:revoke', 'state_too_old:config'],
  ];
  for (const reasons of told) readiness.look(reasons);
  expect(events).toEqual([
    'edge.ready',
    'edge.blocked edge_blocked',
    'edge.ready',
    'edge.not_ready state_too_old:revoke',
  ]);
});
