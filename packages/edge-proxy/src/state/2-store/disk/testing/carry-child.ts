import { createHash } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { opsToBytes } from '@sallyport/proto';
import { createLog } from '@sallyport/shared/log';
import { parseKeyFile } from '@sallyport/shared/seal';
import type { Position, RevokeOp } from '@sallyport/shared/state/model';
import { shardsPerLane } from '@sallyport/shared/state/tables/lane';
import { createLaneTable } from '@sallyport/shared/state/tables/lane-table';
import { Distributor } from '../../../../worker/distributor.ts';
import { type EdgeDisk, EdgeState } from '../../edge-state.ts';
import { StateTables } from '../../state-tables.ts';
import { StateDisk } from '../state-disk.ts';
import { sampleBlock, sampleEdgeId, sampleRoot } from './sample-disk.ts';

/**
 * The state of an edge whose revoke lane loses a block with a new epoch and gets it back, with a
 * whole `state` or with a `frame`. Says each file of carried denials when it is written, and stays
 * until it is killed.
 */
const [, , home = '', way = ''] = process.argv;
const log = createLog('error');
const { disk, loaded } = await StateDisk.open({
  home,
  edgeId: sampleEdgeId,
  rootPublicKey: sampleRoot,
  key: parseKeyFile(readFileSync(join(home, 'local.key'), 'utf8')),
  nowMs: Date.now,
  log,
});
const say = (line: string): void => void writeSync(1, `${line}\n`);
const saying: EdgeDisk = {
  append: (frame) => disk.append(frame),
  replaced: (...args) => disk.replaced(...args),
  pending: (lane) => disk.pending(lane),
  kept: (lane) => disk.kept(lane),
  configChanged: (...args) => disk.configChanged(...args),
  asOf: (...args) => disk.asOf(...args),
  saveCarried: (denials) => disk.saveCarried(denials).then(() => say('carried')),
  saveKeys: (...args) => disk.saveKeys(...args),
};
const state = new EdgeState({
  tables: new StateTables(loaded.tables, loaded.configRows),
  disk: saying,
  found: loaded.lanes,
  denials: loaded.carried,
  distributor: new Distributor(
    0,
    () => undefined,
    () => undefined,
  ),
  rootPublicKey: sampleRoot,
  onSecrets: () => undefined,
  log,
  clock: Date.now,
});
await state.restore();

// The disk's own timers keep no process alive.
setInterval(() => undefined, 1_000);
const arrival = { path: 'grpc', arrivedAtMs: 0 } as const;
let epoch = loaded.lanes.revoke.highest?.epoch ?? 0;

/** So many others that all shards are written anew with each state. */
function others(): RevokeOp[] {
  return Array.from({ length: 100 }, (_, index) => {
    return { op: 'ended_session', sid: `ses_${index}`, expiresAtMs: 1e12 + epoch };
  });
}

async function takeState(position: Position, ops: readonly RevokeOp[]): Promise<void> {
  const source = createLaneTable('revoke');
  source.apply([...others(), ...ops]);
  for (let index = 0; index < shardsPerLane; index += 1) {
    const bytes = source.encodeShard(index);
    const sha256 = createHash('sha256').update(bytes).digest();
    const digest = source.shardDigest(index);
    const expected = { digest, sha256, bytes: bytes.length, rows: source.shardRows(index) };
    state.stores.revoke.stage(index, [bytes], expected);
  }
  await state.stores.revoke.swap({ ...arrival, position, carry: 'blocks' });
}

async function onDisk(): Promise<void> {
  await disk.kept('revoke');
  await disk.settled();
}

epoch += 1;
await takeState({ epoch, rev: 0 }, [sampleBlock]);
await onDisk();
say('ready');

epoch += 1;
await takeState({ epoch, rev: 0 }, []);
await onDisk();
epoch += 1;
if (way === 'state') await takeState({ epoch, rev: 0 }, [sampleBlock]);
else {
  // The frame's state is on its way to the disk.
  await takeState({ epoch, rev: 0 }, []);
  const body = Uint8Array.from(opsToBytes([sampleBlock]));
  const signed = { keyId: 'key_1', signature: new Uint8Array(64) };
  const frame = { lane: 'revoke', epoch, prevRev: 0, rev: 1, body, ...signed } as const;
  await state.stores.revoke.apply(frame, arrival);
}
