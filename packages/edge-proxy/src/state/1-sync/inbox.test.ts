import { fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import {
  opsToBytes,
  type SyncMessage,
  type SyncResponse,
  SyncResponseSchema,
  syncResponse,
} from '@sallyport/proto';
import { createLog } from '@sallyport/shared/log';
import type { RevokeOp } from '@sallyport/shared/state/model';
import type { AlarmName } from '@sallyport/shared/sync/edge-lane-model';
import type { PathName } from '@sallyport/shared/sync/messages';
import { VerificationKeys } from '@sallyport/shared/sync/verification-keys';
import { describe, expect, it } from 'vitest';
import { at, userBlock } from '../../testing/brought-up.ts';
import { emptyTables, localReader } from '../../testing/local-state.ts';
import { manifestOf, offeredState, shardParts } from '../../testing/offered-state.ts';
import { createRootKey } from '../../testing/sample-state.ts';
import { scriptedKeys } from '../../testing/scripted-keys.ts';
import { Distributor } from '../../worker/distributor.ts';
import { EdgeState, foundNothing, noDisk } from '../2-store/edge-state.ts';
import { eachLane, lanes } from '../lanes.ts';
import { Inbox } from './inbox.ts';
import { LaneDriver, type LaneOutlet } from './lane-driver.ts';

const root = createRootKey();
const keys = scriptedKeys(root);
const nowMs = Date.now();

/** The taking side of an edge that follows `revoke` at revision 10, without any network. */
function edgeAt10() {
  const alarms: AlarmName[] = [];
  const tables = emptyTables();
  const distributor = new Distributor(
    1,
    () => undefined,
    () => undefined,
  );
  const state = new EdgeState({
    tables,
    disk: noDisk,
    found: foundNothing,
    denials: { epoch: 0, denials: [], early: [] },
    distributor,
    rootPublicKey: root.publicKey,
    onSecrets: () => undefined,
    log: createLog('error', {}, () => undefined),
    clock: Date.now,
  });
  const ignore = () => undefined;
  const outlet: LaneOutlet = {
    hello: ignore,
    fetch: ignore,
    nack: ignore,
    endPath: ignore,
    repeatAcks: ignore,
    repeatRefusal: ignore,
    asOf: ignore,
    alarm: (_lane, name) => void alarms.push(name),
    moved: ignore,
  };
  const drivers = eachLane((lane) => {
    const carried = lane === 'revoke' ? state.carried : null;
    return new LaneDriver({ start: state.start(lane), store: state.stores[lane], carried, outlet });
  });
  const verification = new VerificationKeys(root.publicKey);
  for (const key of keys.keys()) verification.add(key);
  const inbox = new Inbox({
    drivers,
    keys: verification,
    onKeys: ignore,
    onAlarm: ignore,
    clock: Date.now,
  });
  const take = (message: SyncMessage | SyncResponse, path: PathName = 'grpc') =>
    inbox.take('kind' in message ? syncResponse(message) : message, path, lanes);
  drivers.revoke.dispatch({ type: 'opened', path: 'grpc' });
  const whole = offeredState('revoke', at(10), [userBlock('rev_0', 'usr_0')]);
  take({ kind: 'resume', value: { lane: 'revoke', mode: 'shards', head: at(10), forkedAt: null } });
  take({ kind: 'manifest', value: keys.manifest(manifestOf(whole), nowMs) });
  for (const index of drivers.revoke.state.staging?.missing ?? []) {
    for (const part of shardParts(whole, index)) take({ kind: 'shard', value: part });
  }
  const reader = localReader(tables);
  return {
    take,
    drivers,
    alarms,
    isStale: (message: SyncMessage) => inbox.isStale(syncResponse(message)),
    head: () => drivers.revoke.state.head,
    isBlocked: (user: string) => reader.isBlocked('user', user, 0),
  };
}

const frame = (rev: number, ops: readonly RevokeOp[]): SyncMessage => {
  const body = opsToBytes(ops);
  const fields = { lane: 'revoke', epoch: 1, prevRev: rev - 1, rev, body } as const;
  return { kind: 'frame', value: keys.frame(fields, nowMs) };
};

/** Every message that says something else for one bit in its bytes, and can still be decoded. */
function* flips(message: SyncMessage): Generator<SyncResponse> {
  const bytes = toBinary(SyncResponseSchema, syncResponse(message));
  const meaning = JSON.stringify(toJson(SyncResponseSchema, syncResponse(message)));
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Uint8Array.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
    const read = decode(changed);
    // Some bits of the encoding itself carry no meaning.
    if (read === null || JSON.stringify(toJson(SyncResponseSchema, read)) === meaning) continue;
    yield read;
  }
}

/** null: gRPC ends the stream over it. */
function decode(bytes: Uint8Array): SyncResponse | null {
  try {
    return fromBinary(SyncResponseSchema, bytes);
  } catch {
    return null;
  }
}

describe('what an edge takes from outside', () => {
  it('is the frame as it was signed, and no other that differs from it by one bit', () => {
    const edge = edgeAt10();
    expect(edge.head()).toEqual(at(10));
    const genuine = frame(11, [userBlock('rev_1', 'usr_a')]);
    for (const message of flips(genuine)) {
      edge.take(message);
      expect(edge.isBlocked('usr_a')).toBe(false);
      expect(edge.head()).toEqual(at(10));
      // A refused frame ends the stream; the next one follows the lane again.
      edge.drivers.revoke.dispatch({ type: 'opened', path: 'grpc' });
      const tail = { lane: 'revoke', mode: 'tail', head: at(11), forkedAt: null } as const;
      edge.take({ kind: 'resume', value: tail });
    }
    edge.take(genuine);
    expect([edge.isBlocked('usr_a'), edge.head()]).toEqual([true, at(11)]);
  });

  it('is the heartbeat as it was signed: no other makes a state young', () => {
    const edge = edgeAt10();
    const head = { lane: 'revoke', head: at(10), digest: null, digestAt: null } as const;
    const fields = { replica: 'cp-1', sentAtMs: nowMs, logAgeMs: 5, heads: [head] };
    const genuine: SyncMessage = { kind: 'heartbeat', value: keys.heartbeat(fields, nowMs) };
    for (const message of flips(genuine)) edge.take(message);
    expect(edge.drivers.revoke.state.asOfMs).toBeNull();
    edge.drivers.revoke.dispatch({ type: 'opened', path: 'grpc' });
    edge.take(genuine);
    expect(edge.drivers.revoke.state.asOfMs).not.toBeNull();
  });

  it('is the manifest as it was signed: no other brings a state', () => {
    const edge = edgeAt10();
    const whole = offeredState('config', at(20), []);
    const manifest: SyncMessage = {
      kind: 'manifest',
      value: keys.manifest(manifestOf(whole), nowMs),
    };
    const offer = { lane: 'config', mode: 'shards', head: at(20), forkedAt: null } as const;
    for (const message of flips(manifest)) {
      edge.drivers.config.dispatch({ type: 'opened', path: 'grpc' });
      edge.take({ kind: 'resume', value: offer });
      edge.take(message);
      expect(edge.drivers.config.state.staging).toBeNull();
      edge.drivers.config.dispatch({ type: 'closed', path: 'grpc' });
    }
    edge.drivers.config.dispatch({ type: 'opened', path: 'grpc' });
    edge.take({ kind: 'resume', value: offer });
    edge.take(manifest);
    expect(edge.drivers.config.state.staging).not.toBeNull();
  });

  it('is of the bus, by a key that is not known, no alarm before a stream has brought the keys', () => {
    const edge = edgeAt10();
    const foreign = scriptedKeys(createRootKey(), 'foreign');
    const fields = {
      lane: 'revoke',
      epoch: 1,
      prevRev: 10,
      rev: 11,
      body: opsToBytes([]),
    } as const;
    const stray: SyncMessage = { kind: 'frame', value: foreign.frame(fields, nowMs) };
    const beat = { replica: 'cp-1', sentAtMs: nowMs, logAgeMs: 0, heads: [] };
    const pulse: SyncMessage = { kind: 'heartbeat', value: foreign.heartbeat(beat, nowMs) };
    const issuedAtMs = nowMs;
    const denial = { id: 'prv_1', issuedAtMs, expiresAtMs: nowMs + 9_000, body: opsToBytes([]) };
    const early: SyncMessage = { kind: 'provisional', value: foreign.provisional(denial, nowMs) };
    for (const message of [stray, pulse, early]) edge.take(message, 'nats');
    expect(edge.alarms).toEqual([]);
    edge.take({ kind: 'keys', value: { keys: keys.keys() } });
    for (const message of [stray, pulse, early]) edge.take(message, 'nats');
    expect(edge.alarms).toEqual(['unknown_key', 'unknown_key', 'unknown_key']);
    expect(edge.head()).toEqual(at(10));
  });

  it('is by its own word stale when it was sent long before others of that replica were read', () => {
    const edge = edgeAt10();
    const beat = (sentAtMs: number, replica = 'cp-1'): SyncMessage => {
      const fields = { replica, sentAtMs, logAgeMs: 0, heads: [] };
      return { kind: 'heartbeat', value: keys.heartbeat(fields, nowMs) };
    };
    const longAgo = Date.now() - 60_000;
    expect(edge.isStale(beat(longAgo))).toBe(false);
    edge.take(beat(Date.now()));
    expect(edge.isStale(beat(longAgo))).toBe(true);
    expect(edge.isStale(beat(Date.now()))).toBe(false);
    expect(edge.isStale(beat(longAgo, 'cp-2'))).toBe(false);
    expect(edge.isStale(frame(11, []))).toBe(false);
  });
});
