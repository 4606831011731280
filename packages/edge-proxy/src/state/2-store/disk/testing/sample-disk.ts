import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { opsToBytes } from '@sallyport/proto';
import { createLog } from '@sallyport/shared/log';
import { newKeyFileText, parseKeyFile, type SealKey } from '@sallyport/shared/seal';
import type { Block, ConfigOp, Position, RevokeOp } from '@sallyport/shared/state/model';
import type { RowLane, RowOp } from '@sallyport/shared/state/tables/lane';
import { createLaneTable } from '@sallyport/shared/state/tables/lane-table';
import type { FrameMessage } from '@sallyport/shared/sync/messages';
import { deriveDiskKeys } from '../disk-keys.ts';
import type { Instant } from '../instants.ts';
import { loadState } from '../load.ts';
import type { CarriedOps, LoadedState } from '../loaded-state.ts';
import { DiskPaths } from '../paths.ts';
import { StateDisk, type StateDiskOptions } from '../state-disk.ts';

/** A state on disk, as small as can be, for tests. */

export const sampleEdgeId = 'edge_alpha';
export const sampleRoot = new Uint8Array(32).fill(7);
const sampleEpoch = 3;
/** Time stands still in these tests. */
export const sampleNow: Instant = {
  wallMs: 50_000,
  boot: { id: 'ab'.repeat(16), ms: 100_000 },
};

export interface OpenedDisk {
  readonly disk: StateDisk;
  readonly loaded: LoadedState;
}

/** A home that is removed by `remove`. */
export async function makeHome(): Promise<{
  readonly home: string;
  readonly key: SealKey;
  readonly remove: () => Promise<void>;
}> {
  const home = await mkdtemp(join(tmpdir(), 'sallyport-disk-'));
  const key = parseKeyFile(newKeyFileText());
  return { home, key, remove: () => rm(home, { recursive: true, force: true }) };
}

/** Opens the state with names for everything that a test does not speak of. */
export function openDisk(
  options: Pick<StateDiskOptions, 'home' | 'key'> & Partial<StateDiskOptions>,
): Promise<OpenedDisk> {
  return StateDisk.open({
    edgeId: sampleEdgeId,
    rootPublicKey: sampleRoot,
    nowMs: () => sampleNow.wallMs,
    instants: () => sampleNow,
    log: createLog('error', {}, () => undefined),
    ...options,
  });
}

/** What an edge that starts now would come back with; nothing is written. */
export function readDisk(
  options: Pick<StateDiskOptions, 'home' | 'key'> & Partial<StateDiskOptions>,
): LoadedState {
  const { home, key, edgeId = sampleEdgeId, rootPublicKey = sampleRoot } = options;
  const { instants = () => sampleNow } = options;
  const keys = deriveDiskKeys(key, edgeId, rootPublicKey);
  return loadState(new DiskPaths(home), keys, instants()).state;
}

export function at(rev: number): Position {
  return { epoch: sampleEpoch, rev };
}

/** The next frame of a lane. Its signature is not one: the disk does not look at it. */
export function frameOf(
  lane: RowLane | 'config',
  rev: number,
  ops: readonly RowOp[],
): FrameMessage {
  return {
    lane,
    epoch: sampleEpoch,
    prevRev: rev - 1,
    rev,
    body: opsToBytes(ops),
    keyId: 'key_1',
    signature: new Uint8Array(64).fill(rev),
  };
}

/** What revision `rev` of the revoke lane changes in tests that count revisions. */
export function revokeOpsAt(rev: number): readonly RevokeOp[] {
  const ended: RevokeOp = { op: 'ended_session', sid: `ses_${rev}`, expiresAtMs: 1e12 + rev };
  if (rev % 7 !== 0) return [ended];
  return [ended, { op: 'forgotten_session', sid: `ses_${rev - 5}` }];
}

/** Digest of the revoke lane after all revisions up to `rev`. */
export function revokeDigestAt(rev: number): string {
  const table = createLaneTable('revoke');
  for (let one = 1; one <= rev; one += 1) table.apply(revokeOpsAt(one));
  return hex(table.digest());
}

/** Applies a frame and appends it, as an edge does. */
export function take({ disk, loaded }: OpenedDisk, lane: RowLane, rev: number, ops: RowOp[]): void {
  loaded.tables[lane].apply(ops);
  disk.append(frameOf(lane, rev, ops));
}

export const sampleBlock: Block = {
  op: 'block',
  revocationId: 'rev_carried',
  kind: 'user',
  subjectId: 'usr_carried',
  expiresAtMs: null,
};

export const sampleCarried: CarriedOps = {
  epoch: 3,
  denials: [{ op: 'generation', scope: 'user', subjectId: 'usr_carried', value: 7 }, sampleBlock],
  early: [
    {
      proof: {
        ...at(13),
        prevRev: 12,
        bodySha256: new Uint8Array(32).fill(3),
        keyId: 'key_1',
        signature: new Uint8Array(64).fill(4),
      },
      body: Uint8Array.from(
        opsToBytes([{ op: 'ended_session', sid: 'ses_early', expiresAtMs: 1e12 }]),
      ),
    },
  ],
};

const sampleRelease: ConfigOp = { op: 'release', ring: 'default', version: 4, shadowVersion: null };

/** Everything that an edge keeps: rows of all lanes in shards and journal, keys, carried denials. */
export async function writeSample(opened: OpenedDisk): Promise<void> {
  const { disk, loaded } = opened;
  const { revoke, directory } = loaded.tables;
  revoke.apply([{ op: 'ended_session', sid: 'ses_shard', expiresAtMs: 1e12 }]);
  directory.apply([
    {
      op: 'device',
      id: 'dev_one',
      name: 'one',
      managed: true,
      ownerUserId: 'usr_alice',
      posture: [],
    },
  ]);
  loaded.configRows.put('release/default', opsToBytes([sampleRelease]));
  disk.configChanged(at(2), null);
  const replaced = (['revoke', 'signals', 'directory'] as const).map((lane) =>
    disk.replaced(lane, at(10), null),
  );
  const key = {
    op: 'signing_key',
    keyId: 'key_1',
    purpose: 'lane-revoke',
    publicKey: new Uint8Array(32).fill(1),
    notBeforeMs: 1,
    notAfterMs: 2,
    rootSignature: new Uint8Array(64).fill(2),
  } as const;
  disk.saveKeys([key], [{ ...key, keyId: 'key_0' }]);
  await disk.saveCarried(sampleCarried);
  await Promise.all(replaced);
  take(opened, 'revoke', 11, [{ op: 'ended_session', sid: 'ses_journal', expiresAtMs: 1e12 }]);
  take(opened, 'directory', 11, [{ op: 'deleted_user', id: 'usr_gone' }]);
  for (const lane of ['revoke', 'signals', 'config', 'directory'] as const) disk.asOf(lane, 5_000);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** All that counts of a loaded state, as one value to compare. */
export function summary({ tables, configRows, lanes, carried, keys }: LoadedState): unknown {
  const of = (lane: RowLane) => [lanes[lane], hex(tables[lane].digest())];
  return {
    revoke: of('revoke'),
    signals: of('signals'),
    directory: of('directory'),
    config: [lanes.config, hex(configRows.digest())],
    carried,
    keys,
  };
}
