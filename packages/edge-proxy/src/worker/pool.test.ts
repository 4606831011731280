import { createLog } from '@sallyport/shared/log';
import { afterEach, describe, expect, it } from 'vitest';
import { newBucketMemory } from '../request/limits/shared-buckets.ts';
import { Arrivals } from '../testing/arrivals.ts';
import { emptyTables } from '../testing/local-state.ts';
import { sampleAssertionKey, sampleCredentials } from '../testing/sample-state.ts';
import { ConnectionRoom } from './connection-room.ts';
import type { WorkerCredentials } from './messages.ts';
import { WorkerPool } from './pool.ts';
import { RecordRoom } from './record-room.ts';

const deaths = new Arrivals<number>();
const stages = new Arrivals<string>();
let pool: WorkerPool | null = null;

async function start(workers: number, credentials?: WorkerCredentials): Promise<WorkerPool> {
  pool = await WorkerPool.start({
    workers,
    init: {
      config: {
        edgeId: 'edg_1',
        region: 'eu',
        trustDomain: 'corp.test',
        publicPort: null,
        traceShare: 0,
      },
      labels: {},
      credentials: credentials ?? sampleCredentials([sampleAssertionKey()]),
      logLevel: 'error',
      recordRoom: new RecordRoom().shared,
      overload: { lagMs: 0, memoryShare: 1 },
      collector: null,
      connectionRoom: new ConnectionRoom().shared,
      rateBuckets: newBucketMemory(),
    },
    tables: emptyTables(),
    handlers: {
      onRecords: () => undefined,
      onSightings: () => undefined,
      onCall: () => Promise.resolve({ ok: false, failure: { code: 'unavailable', detail: '' } }),
      onStage: (stage, { lane }) => stages.push(`${lane} ${stage}`),
      onReadiness: () => undefined,
      onDeath: (index) => deaths.push(index),
    },
    log: createLog('error', {}, () => undefined),
  });
  return pool;
}

const delivery = {
  position: { epoch: 1, rev: 1 },
  arrivedAtMs: 0,
  path: 'grpc',
  silent: false,
} as const;

afterEach(async () => {
  await pool?.drain(1_000);
  pool = null;
});

describe('the request workers', () => {
  it('report a lane applied and enforced when all of them have it', async () => {
    const { distributor } = await start(2);
    distributor.changed('directory', { lane: 'directory', ...delivery }, null);
    expect(await stages.next()).toBe('directory applied');
    expect(await stages.next()).toBe('directory enforced');
  });

  it('are reported when they die, and nobody waits for the dead', async () => {
    const started = await start(2);
    // What the main thread never lets through: keys that are none.
    const keys = { op: 'edge_keys', edgeId: 'edg_1', region: 'eu', assertionJwks: ['{}'] } as const;
    await started.distributor.config({ lane: 'config', ...delivery }, [keys], true);
    expect(new Set([await deaths.next(), await deaths.next()])).toEqual(new Set([0, 1]));
    expect(started.notReadyReasons()).toEqual(['worker_dead']);
    await started.drain(1_000);
    expect(await started.metrics()).toEqual([]);
  });

  it('do not start when they cannot read their keys', async () => {
    const broken = sampleCredentials([], Buffer.from('no ring'));
    await expect(start(1, broken)).rejects.toThrow('cookie ring');
  });
});
