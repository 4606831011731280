import { createHash } from 'node:crypto';
import { hex, sameBytes } from '../bytes.ts';
import type { Position } from '../state/model.ts';
import { applyNext, isFetching, noteRefused, reachHead } from './edge-frames.ts';
import type {
  Carry,
  EdgeLane,
  EdgeLaneEvent,
  Problem,
  Staging,
  StreamPath,
} from './edge-lane-model.ts';
import { edgeLimits } from './edge-limits.ts';
import { requestResync, takeUpHeld } from './edge-resync.ts';
import { endPath, noBytes, type Turn } from './edge-turn.ts';
import { emptyHistory, remember } from './lane-history.ts';
import { type ManifestMessage, type ShardPart, shardPartBytesMax } from './messages.ts';
import { comparePositions, samePosition } from './position.ts';
import { verdictAlarm } from './verdict-alarm.ts';

/**
 * A whole state: manifest, the shards that differ, and the swap. While shards are being fetched no
 * frame is applied, so that what was compared with the manifest stays as it was.
 */

type ManifestEvent = Extract<EdgeLaneEvent, { type: 'manifest' }>;

export function onManifest(turn: Turn, { path, manifest, verdict, have }: ManifestEvent): void {
  const { phase } = turn.state.paths[path];
  if (phase.kind !== 'shards') return;
  if (verdict !== 'ok') {
    turn.alarm(verdictAlarm(verdict), path, `${verdict}: a manifest`);
    return refuse(turn, path, manifest, { code: 'SIGNATURE', detail: verdict });
  }
  const problem = manifestProblem(turn.state, manifest, have);
  if (problem !== null) {
    turn.alarm('refused', path, problem.detail);
    return refuse(turn, path, manifest, problem);
  }
  const { mark, applying, swapping, staging } = turn.state;
  if (mark !== null && comparePositions(manifest.position, mark) < 0) {
    turn.alarm('rollback', path, `a whole state of revision ${manifest.position.rev}`);
    return endPath(turn, path, 'rollback', true);
  }
  const fetching = isFetching(staging) && staging?.path !== path;
  if (fetching || applying !== null || swapping) {
    return turn.setPath(path, { phase: { ...phase, held: manifest.position } });
  }
  begin(turn, path, manifest, have);
}

/** A part of a shard that was asked for. Parts come in order, one shard after the other. */
export function onPart(turn: Turn, path: StreamPath, part: ShardPart): void {
  const { staging } = turn.state;
  if (staging?.path !== path || !samePosition(staging.manifest.position, part.position)) return;
  const expected = staging.manifest.shards[part.index];
  const open = staging.open?.index === part.index ? staging.open : { index: part.index, parts: [] };
  const parts = [...open.parts, part.body];
  const wanted = staging.missing.has(part.index) && !staging.settling.has(part.index);
  if (expected === undefined || !wanted || !fits(part, open.parts.length, parts, expected.bytes)) {
    turn.alarm('unexpected', path, `part ${part.part} of the shard ${part.index}`);
    return endPath(turn, path, 'unexpected', true);
  }
  turn.setPath(path, { heardAtMs: turn.nowMs });
  if (parts.length < part.parts) {
    return turn.set({ staging: { ...staging, open: { index: part.index, parts } } });
  }
  const settling = new Set(staging.settling).add(part.index);
  turn.set({ staging: { ...staging, open: null, settling } });
  turn.emit({ type: 'stage', index: part.index, parts, expected });
}

/** The shell has hashed a shard, and kept it or not. */
export function onStaged(turn: Turn, index: number, problem: Problem | null): void {
  const { staging } = turn.state;
  const expected = staging?.manifest.shards[index];
  if (staging === null || expected === undefined || !staging.settling.has(index)) return;
  const settling = new Set([...staging.settling].filter((one) => one !== index));
  if (problem !== null) return onShardRefused(turn, { ...staging, settling }, index, problem);
  const missing = new Set([...staging.missing].filter((one) => one !== index));
  const kept = new Map(staging.kept).set(index, hex(expected.sha256));
  turn.set({ staging: { ...staging, settling, missing, kept } });
  if (missing.size === 0 && staging.path !== null) swap(turn);
}

/** The tables hold the manifest's rows now. */
export function onSwapped(turn: Turn, digest: Uint8Array): void {
  const { staging } = turn.state;
  if (staging === null || !turn.state.swapping) return;
  const { manifest, path } = staging;
  const { epoch, rev } = manifest.position;
  const taken = { rev, sha256: null, digest, atMs: turn.nowMs };
  turn.set({
    staging: null,
    swapping: false,
    proof: null,
    streamProof: null,
    fresh: false,
    forked: false,
    resyncWanted: false,
    stuck: false,
    history: remember(emptyHistory, epoch, taken),
    ahead: laterFrames(turn.state, manifest.position),
  });
  // Rows alone do not show whether a frame is among what led to them.
  reachHead(turn, manifest.position, true);
  if (path !== null) turn.setPath(path, { phase: { kind: 'tail' }, owed: null, retails: 0 });
  checkDigest(turn, manifest, digest, path);
  takeUpHeld(turn);
  applyNext(turn);
}

/** SHA-256 over the digests of the shards, in their order: the digest of the lane. */
export function laneDigestOf(shards: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const digest of shards) hash.update(digest);
  return hash.digest();
}

/** Shards that were staged for longer than a stream may take to come back are dropped. */
export function dropOldStaging(turn: Turn): void {
  const { staging, swapping } = turn.state;
  if (staging === null || staging.path !== null || staging.settling.size > 0 || swapping) return;
  if (turn.nowMs - staging.sinceMs < edgeLimits.keptMs) return;
  turn.set({ staging: null });
  turn.emit({ type: 'drop_staged' });
}

function begin(
  turn: Turn,
  path: StreamPath,
  manifest: ManifestMessage,
  have: readonly Uint8Array[],
): void {
  const before = turn.state.staging;
  const kept = before?.kept ?? new Map<number, string>();
  const missing = lacking(manifest, have, kept);
  const again = [...missing].find((index) => isRefused(turn.state, manifest, index));
  if (again !== undefined) return refuseShardAgain(turn, path, manifest, again);
  turn.set({
    staging: {
      manifest,
      path,
      sinceMs: turn.nowMs,
      carry: carryOf(turn.state, manifest.position),
      missing,
      kept,
      open: null,
      settling: new Set(),
    },
    gapSinceMs: null,
  });
  const { position } = manifest;
  turn.emit({ type: 'fetch', path, position, shards: [...missing] });
  if (missing.size === 0) swap(turn);
}

/**
 * Shards whose rows differ from ours, and those that are staged with other bytes than the
 * manifest's: what is staged goes into the tables as a whole.
 */
function lacking(
  { shards }: ManifestMessage,
  have: readonly Uint8Array[],
  kept: ReadonlyMap<number, string>,
): ReadonlySet<number> {
  const missing = new Set<number>();
  for (const [index, { digest, sha256 }] of shards.entries()) {
    const staged = kept.get(index);
    const ours = have[index];
    if (
      staged === undefined ? ours === undefined || !sameBytes(ours, digest) : staged !== hex(sha256)
    ) {
      missing.add(index);
    }
  }
  return missing;
}

/**
 * What that the new rows lack is to be carried: something when history may have been lost. An epoch
 * that goes on from later than our head shows nothing: a forked history may have outgrown us. The
 * control plane lifts once more what had only been lifted.
 */
function carryOf({ head, forked, fresh, digestAgrees }: EdgeLane, { epoch }: Position): Carry {
  if (head === null) return 'nothing';
  if (head.epoch !== epoch) return 'blocks';
  return forked || fresh || digestAgrees === false ? 'denials' : 'nothing';
}

function swap(turn: Turn): void {
  const { staging } = turn.state;
  if (staging === null) return;
  const { manifest, path, carry } = staging;
  turn.set({ swapping: true });
  turn.emit({ type: 'swap', position: manifest.position, path, carry });
}

function onShardRefused(turn: Turn, staging: Staging, index: number, problem: Problem): void {
  const { manifest, path } = staging;
  const sha256 = manifest.shards[index]?.sha256 ?? noBytes;
  turn.alarm('refused', path, `${problem.code}: ${problem.detail}`);
  turn.set({ staging: { ...staging, path: null, sinceMs: turn.nowMs, open: null } });
  // Bytes that do not have the manifest's hash are this stream's fault; the shard itself may be good.
  if (problem.code === 'DIGEST') {
    if (path !== null) refuse(turn, path, manifest, problem);
    return;
  }
  noteRefused(turn, hex(sha256), problem);
  turn.set({ stuck: true });
  if (path !== null) turn.nack(path, manifest.position, problem, sha256);
}

function isRefused({ refused }: EdgeLane, { shards }: ManifestMessage, index: number): boolean {
  const sha256 = shards[index]?.sha256;
  return sha256 !== undefined && refused.some((one) => one.sha256 === hex(sha256));
}

function refuseShardAgain(
  turn: Turn,
  path: StreamPath,
  { shards, position }: ManifestMessage,
  index: number,
): void {
  const sha256 = shards[index]?.sha256 ?? noBytes;
  const code = turn.state.refused.find((one) => one.sha256 === hex(sha256))?.code ?? 'INTERNAL';
  turn.set({ stuck: true });
  turn.nack(path, position, { code, detail: `shard ${index}, refused before` }, sha256);
}

function refuse(
  turn: Turn,
  path: StreamPath,
  { position }: ManifestMessage,
  problem: Problem,
): void {
  turn.nack(path, position, problem, noBytes);
  endPath(turn, path, problem.code === 'SIGNATURE' ? 'forged' : 'refused', true);
}

function manifestProblem(
  { shards: count }: EdgeLane,
  { shards }: ManifestMessage,
  have: readonly Uint8Array[],
): Problem | null {
  if (shards.length !== count || have.length !== count) {
    return { code: 'SCHEMA', detail: `${shards.length} shards instead of ${count}` };
  }
  const bytes = shards.reduce((sum, shard) => sum + shard.bytes, 0);
  if (bytes <= edgeLimits.manifestBytesMax) return null;
  return { code: 'LIMIT', detail: `${bytes} bytes` };
}

function fits(
  { part, parts, body }: ShardPart,
  index: number,
  bodies: readonly Uint8Array[],
  bytesMax: number,
): boolean {
  const bytes = bodies.reduce((sum, one) => sum + one.length, 0);
  return part === index && part < parts && body.length <= shardPartBytesMax && bytes <= bytesMax;
}

function laterFrames({ ahead }: EdgeLane, { epoch, rev }: Position): EdgeLane['ahead'] {
  return new Map([...ahead].filter(([of, { frame }]) => of > rev && frame.epoch === epoch));
}

/** The shards had their hashes, so this can only be a fault of ours or of whoever built them. */
function checkDigest(
  turn: Turn,
  manifest: ManifestMessage,
  digest: Uint8Array,
  path: StreamPath | null,
): void {
  const agrees = sameBytes(digest, laneDigestOf(manifest.shards.map((shard) => shard.digest)));
  turn.set({ digestAgrees: agrees });
  if (agrees) return;
  const detail = `the rows of revision ${manifest.position.rev} have another digest`;
  turn.alarm('digest', path, detail);
  if (path !== null) turn.nack(path, manifest.position, { code: 'DIGEST', detail }, noBytes);
  requestResync(turn, true);
}
