import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { Lane as WireLane } from '../../gen/sallyport/v1/state_pb.js';
import { SyncResponseSchema } from '../../gen/sallyport/v1/sync_pb.js';
import {
  MalformedMessageError,
  readSyncResponse,
  type SyncMessage,
  syncResponse,
} from './sync-messages.ts';

const bytes = (length: number, fill = 7) => new Uint8Array(length).fill(fill);
const position = { epoch: 1_795_000_000_000, rev: 12 };
const signed = { keyId: 'key_1', signature: bytes(64) };
const messages: readonly SyncMessage[] = [
  {
    kind: 'keys',
    value: {
      keys: [
        {
          op: 'signing_key',
          keyId: 'key_1',
          purpose: 'lane-revoke',
          publicKey: bytes(32),
          notBeforeMs: 1,
          notAfterMs: 2,
          rootSignature: bytes(64),
        },
      ],
    },
  },
  { kind: 'resume', value: { lane: 'revoke', mode: 'tail', head: position, forkedAt: position } },
  { kind: 'resume', value: { lane: 'config', mode: 'wait', head: null, forkedAt: null } },
  {
    kind: 'manifest',
    value: {
      lane: 'directory',
      position,
      shards: [{ digest: bytes(16), sha256: bytes(32), bytes: 9, rows: 2 }],
      ...signed,
    },
  },
  {
    kind: 'shard',
    value: { lane: 'signals', position, index: 255, part: 1, parts: 3, body: bytes(5) },
  },
  {
    kind: 'frame',
    value: { lane: 'revoke', epoch: 1, prevRev: 11, rev: 12, body: bytes(3), ...signed },
  },
  {
    kind: 'heartbeat',
    value: {
      replica: 'cp-1',
      sentAtMs: 5,
      logAgeMs: 6,
      heads: [
        { lane: 'revoke', head: position, digest: bytes(32), digestAt: position },
        { lane: 'config', head: position, digest: null, digestAt: null },
        { lane: 99, head: position, digest: null, digestAt: null },
      ],
      ...signed,
    },
  },
  {
    kind: 'provisional',
    value: { id: 'prv_1', issuedAtMs: 1, expiresAtMs: 2, body: bytes(4), ...signed },
  },
];

function overTheWire(message: SyncMessage): SyncMessage | null {
  const encoded = toBinary(SyncResponseSchema, syncResponse(message));
  return readSyncResponse(fromBinary(SyncResponseSchema, encoded));
}

describe('messages of the stream of state', () => {
  it.each(messages)('a $kind message comes out of the wire as it went in', (message) => {
    const read = overTheWire(message);
    expect(read?.kind).toBe(message.kind);
    expect(read?.value).toMatchObject(message.value);
  });

  it('is nothing where it is of a newer protocol or of an unknown lane', () => {
    const ofLane = create(SyncResponseSchema, {
      message: { case: 'frame', value: { lane: 99 as WireLane } },
    });
    expect(readSyncResponse(create(SyncResponseSchema))).toBeNull();
    expect(readSyncResponse(ofLane)).toBeNull();
  });

  it('is refused without the position that it needs or with a number beyond all of ours', () => {
    const lane = WireLane.REVOKE;
    const shard = create(SyncResponseSchema, { message: { case: 'shard', value: { lane } } });
    const frame = create(SyncResponseSchema, {
      message: { case: 'frame', value: { lane, epoch: 2n ** 63n } },
    });
    for (const message of [shard, frame]) {
      expect(() => readSyncResponse(message)).toThrow(MalformedMessageError);
    }
  });
});
