import { create } from '@bufbuild/protobuf';
import { type RecordRequest, RecordRequestSchema, type RecordResponse } from '@sallyport/proto';
import type { ClientDuplexStream } from '@sallyport/proto/grpc';
import { newId } from '@sallyport/shared/ids';
import { beforeAll, describe, expect, it } from 'vitest';
import { type EdgeWorld, type JoinedEdge, startEdgeWorld } from '../../testing/edge-world.ts';
import { accessRecord } from '../../testing/records.ts';
import { counts, signedInUser } from '../../testing/signals.ts';

let world: EdgeWorld;
let edge: JoinedEdge;

beforeAll(async () => {
  world = await startEdgeWorld();
  edge = await world.joinEdge();
});

function record(change: Readonly<Record<string, unknown>> = {}): Buffer {
  const denied = accessRecord({
    edge: edge.edgeId,
    outcome: 'deny',
    reasons: ['no_rule_allows'],
    status: 403,
  });
  return Buffer.from(JSON.stringify({ ...denied, ...change }));
}

function open(client = edge.client) {
  const call: ClientDuplexStream<RecordRequest, RecordResponse> = client.record();
  let failed: unknown = null;
  call.on('error', (error) => {
    failed = error;
  });
  const answers = call.iterator({ destroyOnReturn: false }) as AsyncIterator<RecordResponse>;
  return {
    failure: () => failed,
    async send(batch: number, recordsJson: Uint8Array[], dropped: Record<string, bigint> = {}) {
      call.write(create(RecordRequestSchema, { batch: BigInt(batch), recordsJson, dropped }));
      const answer = await answers.next();
      return answer.done === true ? null : Number(answer.value.batch);
    },
    /** Sends without waiting for an answer. */
    write(batch: number, recordsJson: Uint8Array[]) {
      call.write(create(RecordRequestSchema, { batch: BigInt(batch), recordsJson }));
    },
    async answered() {
      const answer = await answers.next();
      return answer.done === true ? null : Number(answer.value.batch);
    },
    end: () => call.end(),
  };
}

async function stored(edgeId: string): Promise<string[]> {
  const { rows } = await world.database.ordinary.query<{ correlation_id: string }>(
    'select correlation_id from access_records where edge_id = $1 order by id',
    [edgeId],
  );
  return rows.map((row) => row.correlation_id);
}

async function counted(outcome: string): Promise<number> {
  const metric = world.metrics.getSingleMetric('sallyport_access_records_total');
  const { values } = (await metric?.get()) ?? { values: [] };
  return values.find(({ labels }) => labels['outcome'] === outcome)?.value ?? 0;
}

describe('access records', () => {
  it('are stored before their batch is acknowledged, and once if it comes again', async () => {
    const stream = open();
    const batch = [record({ correlationId: 'first' }), record({ correlationId: 'second' })];
    expect(await stream.send(1, batch)).toBe(1);
    expect(await stored(edge.edgeId)).toEqual(['first', 'second']);
    expect(await stream.send(2, batch)).toBe(2);
    expect(await stored(edge.edgeId)).toEqual(['first', 'second']);
    expect(await stream.send(3, [])).toBe(3);
    const several = ['third', 'fourth'].map((correlationId) => record({ correlationId }));
    const lines = Buffer.concat(several.map((one) => Buffer.concat([one, Buffer.from('\n')])));
    expect(await stream.send(4, [lines])).toBe(4);
    expect(await stored(edge.edgeId)).toEqual(['first', 'second', 'third', 'fourth']);
    stream.end();
  });

  it('that cannot be read, or speak for another edge, are left out and counted', async () => {
    const other = await world.joinEdge();
    const before = await counted('unreadable');
    const stream = open(other.client);
    const name = { edge: other.edgeId };
    const bad = [
      Buffer.from('{'),
      Buffer.from('[]'),
      record({ edge: edge.edgeId }),
      record({ ...name, outcome: 'DROP TABLE' }),
      record({ ...name, reasons: 'none' }),
      record({ ...name, totalMs: -1 }),
      record({ ...name, path: 'x'.repeat(70_000) }),
      record({ ...name, query: 'x'.repeat(20_000) }),
      record({ ...name, redacted: 'userAgent' }),
      record({ ...name, legacy: Array.from({ length: 65 }, () => 'header:x') }),
      record({ ...name, userAgent: 'x'.repeat(1_100_000) }),
      record({ ...name, shadow: { version: 9, outcome: 'deny' } }),
      record({ ...name, shadow: { version: '9', outcome: 'deny', reasons: [], ruleIds: [] } }),
      record({ ...name, shadow: { version: 9, outcome: 'maybe', reasons: [], ruleIds: [] } }),
      record({ ...name, wouldDeny: { reasons: ['rule_denied'], ruleIds: 'all' } }),
      Buffer.from(`{"facts":${'['.repeat(5_000)}${']'.repeat(5_000)}}`),
    ];
    const odd = record({
      ...name,
      correlationId: 'odd',
      path: '/\u0000/\ud800',
      userAgent: "';--",
    });
    expect(await stream.send(1, [...bad, odd])).toBe(1);
    expect(await stored(other.edgeId)).toEqual(['odd']);
    expect((await counted('unreadable')) - before).toBe(bad.length);
    stream.end();
  });

  it('are kept in the text that the edge sent, where the database can read it', async () => {
    const other = await world.joinEdge();
    const stream = open(other.client);
    const name = { edge: other.edgeId };
    const spaced = Buffer.from(
      JSON.stringify(
        JSON.parse(
          record({
            ...name,
            correlationId: 'spaced',
            query: 'a=1&b',
            redacted: ['userAgent'],
            legacy: ['header:remote-user'],
          }).toString(),
        ),
        null,
        1,
      ).replaceAll('\n', ' '),
    );
    const escaped = record({ ...name, correlationId: 'escaped', userAgent: '\u0001\u0000\ud800' });
    const [head = '', tail = ''] = record({ ...name, correlationId: 'bytes', path: '/@' })
      .toString()
      .split('@');
    const bytes = Buffer.concat([Buffer.from(head), Buffer.from([0xff, 0xc3]), Buffer.from(tail)]);
    expect(await stream.send(1, [spaced, escaped, bytes])).toBe(1);
    const { rows } = await world.database.ordinary.query<{ text: string; path: string }>(
      `select record::text as text, record ->> 'path' as path from access_records
      where edge_id = $1 order by id`,
      [other.edgeId],
    );
    expect(rows[0]?.text).toBe(spaced.toString());
    expect(JSON.parse(rows[1]?.text ?? '')).toMatchObject({ userAgent: '\u0001\ufffd\ufffd' });
    expect(rows[2]?.path).toBe('/\ufffd\ufffd');
    stream.end();
  });

  it('are stored with all the groups that a user may have', async () => {
    const other = await world.joinEdge();
    const stream = open(other.client);
    const groups = Array.from({ length: 1_000 }, (_, at) => `${at}-${'g'.repeat(250)}`);
    const facts = { user: { kind: 'known', groups } };
    const large = record({ edge: other.edgeId, correlationId: 'large', facts });
    expect(await stream.send(1, [large])).toBe(1);
    expect(await stored(other.edgeId)).toEqual(['large']);
    stream.end();
  });

  it('of batches sent one upon the other are acknowledged in their order', async () => {
    const other = await world.joinEdge();
    const stream = open(other.client);
    const ids = Array.from({ length: 12 }, (_, at) => `one-upon-the-other-${at}`);
    for (const [at, correlationId] of ids.entries()) {
      // The first are long to read, those after them short.
      const filling = Array.from({ length: 400 - 40 * at }, () => record());
      stream.write(at + 1, [...filling, record({ edge: other.edgeId, correlationId })]);
    }
    for (const at of ids.keys()) expect(await stream.answered()).toBe(at + 1);
    expect(await stored(other.edgeId)).toEqual(ids);
    stream.end();
  });

  it('of a batch after one that fails are not acknowledged, and those before are', async () => {
    const other = await world.joinEdge();
    const stream = open(other.client);
    const one = (correlationId: string) => [record({ edge: other.edgeId, correlationId })];
    stream.write(1, one('before'));
    stream.write(
      2,
      Array.from({ length: 2_001 }, () => Buffer.from('{}')),
    );
    for (const batch of [3, 4, 5]) stream.write(batch, one(`after-${batch}`));
    expect(await stream.answered()).toBe(1);
    await expect(stream.answered()).rejects.toMatchObject({ code: 3 });
    expect(await stored(other.edgeId)).toContain('before');
  });

  it('of a user that come again count once for signals, however many they are', async () => {
    const alice = await signedInUser(world.database);
    const denied = async () =>
      (await counts(world.metrics, 'sallyport_signal_events_total'))['denied taken'] ?? 0;
    const before = await denied();
    const stream = open();
    const batch = Array.from({ length: 200 }, () =>
      record({ ...alice, correlationId: newId('req') }),
    );
    for (const number of [1, 2]) expect(await stream.send(number, batch)).toBe(number);
    expect((await denied()) - before).toBe(200);
    stream.end();
  });

  it('that an edge had to drop are counted', async () => {
    const before = await counted('dropped_at_edge');
    const stream = open();
    expect(await stream.send(9, [], { permit: 7n, deny: 1n })).toBe(9);
    expect((await counted('dropped_at_edge')) - before).toBe(8);
    stream.end();
  });

  it('in a batch that is too long end the stream', async () => {
    const stream = open();
    const answer = stream.send(
      1,
      Array.from({ length: 2_001 }, () => Buffer.from('{}')),
    );
    await expect(answer).rejects.toMatchObject({ code: 3 });
  });
});
