import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import {
  AckStage,
  BlockKind,
  lanePositionToWire,
  laneToWire,
  NackCode,
  positionToWire,
  readSyncResponse,
  SyncRequestSchema,
  SyncResponseSchema,
} from '@sallyport/proto';
import type { Lane } from '@sallyport/shared/state/model';
import { expect, it } from 'vitest';
import { startEdgeWorld } from '../../testing/edge-world.ts';
import { addUser, endEveryone } from '../../testing/lane-writes.ts';

type Said = NonNullable<MessageInitShape<typeof SyncRequestSchema>['message']>;

it('an edge that is cut in a moment is heard of revocations, and of nothing else', async () => {
  const world = await startEdgeWorld();
  const { edgeId } = await world.joinEdge();
  const revoke = await endEveryone(world.database);
  const directory = await addUser(world.database, 'somebody@corp.example');
  const resumed: Lane[] = [];
  const peer = { edgeId, certificateNotAfterMs: Number.POSITIVE_INFINITY };
  const stream = world.publisher.openStream(peer, {
    write(bytes, flushed) {
      const message = readSyncResponse(fromBinary(SyncResponseSchema, bytes));
      if (message?.kind === 'resume') resumed.push(message.value.lane);
      queueMicrotask(flushed);
    },
    end: () => undefined,
  });
  const say = (message: Said): void => {
    stream?.receive(create(SyncRequestSchema, { message }), 100);
  };
  const hello = (lane: Lane) =>
    lanePositionToWire({ lane, position: null, proof: null, headProof: null });
  const ack = (lane: Lane) => {
    const position = positionToWire(lane === 'revoke' ? revoke : directory);
    return { lane: laneToWire(lane), position, stage: AckStage.ENFORCED };
  };
  const nack = (lane: Lane) => ({ ...ack(lane), code: NackCode.SCHEMA });
  const status = () => world.publisher.receipts.edgeStatus(edgeId);
  say({ case: 'hello', value: { protocol: 1, have: [hello('revoke'), hello('directory')] } });
  await expect.poll(() => resumed.toSorted(), { timeout: 5_000 }).toEqual(['directory', 'revoke']);

  stream?.hush();
  const block = { revocationId: 'rev_x', kind: BlockKind.USER, subjectId: 'usr_x' };
  say({ case: 'carried', value: { blocks: [block] } });
  say({ case: 'report', value: { lane: laneToWire('revoke'), alarms: { gap: 1n } } });
  // Twelve of them in a second are the most.
  for (let n = 0; n < 20; n += 1)
    say({ case: 'hello', value: { protocol: 1, have: [hello('revoke')] } });
  say({ case: 'nack', value: nack('directory') });
  say({ case: 'ack', value: ack('directory') });
  say({ case: 'ack', value: ack('revoke') });
  say({ case: 'nack', value: nack('revoke') });
  expect(world.publisher.openStreams()).toBe(1);
  expect(resumed).toHaveLength(2);
  expect(status()).toMatchObject({
    carriedBlocks: null,
    lanes: {
      revoke: { enforced: revoke, nack: { code: 'SCHEMA' }, alarms: {} },
      directory: { enforced: null, nack: null },
    },
  });
  await world.stop();
});
