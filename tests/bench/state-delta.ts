import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { opsFromBytes, opsToBytes } from '@sallyport/proto';
import { newId } from '@sallyport/shared/ids';
import { rawPublicKey } from '@sallyport/shared/keys/ed25519';
import { signKey } from '@sallyport/shared/keys/root';
import type { StateOp } from '@sallyport/shared/state/model';
import type { RowOp } from '@sallyport/shared/state/tables/lane';
import type { LaneTable } from '@sallyport/shared/state/tables/lane-table';
import type { FrameMessage } from '@sallyport/shared/sync/messages';
import { bodySha256, frameSigned, sign } from '@sallyport/shared/sync/signing';
import { VerificationKeys } from '@sallyport/shared/sync/verification-keys';
import { type BenchmarkOptions, median, type Report } from './lib/report.ts';
import { measureLookups } from './lib/state-lookups.ts';
import { type Filled, fillTables } from './lib/state-rows.ts';

/**
 * What an edge's main thread does with the deltas of a storm, and what its workers pay to read:
 * frames of one change each, decoded and applied to tables that hold a million devices.
 */
const rowsEach = 1_000_000;
const framesEach = 40_000;
const signedEach = 8_000;

export async function stateDelta(options: BenchmarkOptions): Promise<Report> {
  options.say(`filling tables with ${rowsEach} devices, certificates and ended sessions`);
  const filled = fillTables(rowsEach);
  const offHeapMiB =
    [filled.directory, filled.revoke].reduce((sum, table) => sum + table.offHeapBytes(), 0) /
    2 ** 20;
  const share = startShare();
  const runs: Storm[] = [];
  for (let run = 1; run <= options.runs; run += 1) {
    runs.push(await storm(filled));
    options.say(
      `run ${run} of ${options.runs}: ${runs.at(-1)?.unsigned.toFixed(0)} frames a second`,
    );
  }
  const lookups = measureLookups(filled, options.runs);
  const bulkMs = median(Array.from({ length: options.runs }, () => applyBulk(filled.directory)));
  const middle = (read: (run: Storm) => number): number => median(runs.map(read));
  return {
    versions: { node: process.versions.node, openssl: process.versions.openssl },
    figures: [
      {
        what: 'single-change frames applied a second, unsigned',
        unit: '1/s',
        value: middle(({ unsigned }) => unsigned),
        goal: 50_000,
        better: 'higher',
      },
      {
        what: 'the same with Ed25519 verified',
        unit: '1/s',
        value: middle(({ signed }) => signed),
        goal: 7_000,
        better: 'higher',
      },
      {
        what: 'longest stall of the loop by a frame',
        unit: 'ms',
        value: middle(({ longestMs }) => longestMs),
        goal: 5,
        better: 'lower',
      },
      {
        what: 'stall of the loop by a revision of 1,000 devices',
        unit: 'ms',
        value: bulkMs,
        goal: null,
        better: 'lower',
      },
      ...lookups,
      {
        what: 'shared memory of 1 M devices, certificates and ended sessions',
        unit: 'MiB',
        value: offHeapMiB,
        goal: 150,
        better: 'lower',
      },
      {
        what: 'share of a core that the measuring thread had',
        unit: 'ratio',
        value: share(),
        goal: null,
        better: 'higher',
      },
    ],
    notes: [
      'a frame is decoded as an edge decodes it and applied; half of them end a session, half change a device',
      'ids to look up come in the order in which they were made, as from requests; rows are in random order',
    ],
  };
}

/** From now on: processor time of this thread by wall time. Far below 1, others had the machine. */
function startShare(): () => number {
  const startedMs = performance.now();
  const before = process.threadCpuUsage();
  return () => {
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1_000 / (performance.now() - startedMs);
  };
}

interface Storm {
  readonly unsigned: number;
  readonly signed: number;
  readonly longestMs: number;
}

async function storm(filled: Filled): Promise<Storm> {
  const { directory, revoke } = filled;
  const bodies = Array.from({ length: framesEach }, (_, i) => body(i, filled));
  const tableOf = (i: number): LaneTable => (i % 2 === 0 ? revoke : directory);
  let longestMs = 0;
  let busyMs = 0;
  for (const [i, bytes] of bodies.entries()) {
    const before = performance.now();
    tableOf(i).apply(opsFromBytes(bytes) as RowOp[]);
    const tookMs = performance.now() - before;
    busyMs += tookMs;
    longestMs = Math.max(longestMs, tookMs);
    // The loop gets its turn, as between two messages of a stream.
    if (i % 64 === 0) await setImmediate();
  }
  return {
    unsigned: (framesEach * 1_000) / busyMs,
    signed: signedRate(bodies, tableOf),
    longestMs,
  };
}

function body(i: number, { device, count }: Filled): Uint8Array {
  const op: StateOp =
    i % 2 === 0
      ? { op: 'ended_session', sid: newId('ses'), expiresAtMs: Date.now() + i }
      : {
          op: 'device',
          id: device(randomBytes(4).readUInt32LE() % count),
          name: `renamed-${i % 1_000}`,
          managed: true,
          ownerUserId: newId('usr'),
          posture: [],
        };
  return opsToBytes([op]);
}

/** Frames a second whose signature is verified first. */
function signedRate(bodies: readonly Uint8Array[], tableOf: (frame: number) => LaneTable): number {
  const { keys, frames } = signFrames(bodies.slice(0, signedEach));
  const nowMs = Date.now();
  const before = performance.now();
  for (const [i, frame] of frames.entries()) {
    if (keys.verifyFrame(frame, bodySha256(frame.body), nowMs) !== 'ok')
      throw new Error('a signature does not verify');
    tableOf(i).apply(opsFromBytes(frame.body) as RowOp[]);
  }
  return (frames.length * 1_000) / (performance.now() - before);
}

function signFrames(bodies: readonly Uint8Array[]): {
  keys: VerificationKeys;
  frames: FrameMessage[];
} {
  const root = generateKeyPairSync('ed25519');
  const keys = new VerificationKeys(rawPublicKey(root.publicKey));
  const signers = (['revoke', 'directory'] as const).map((lane) => {
    const pair = generateKeyPairSync('ed25519');
    const key = {
      keyId: `bench-${lane}`,
      purpose: `lane-${lane}`,
      publicKey: rawPublicKey(pair.publicKey),
      notBeforeMs: 0,
      notAfterMs: Date.now() + 3_600_000,
    };
    keys.add(signKey(key, root.privateKey));
    return { lane, keyId: key.keyId, privateKey: pair.privateKey };
  });
  const frames = bodies.map((bytes, i) => {
    const signer = signers[i % 2];
    if (signer === undefined) throw new Error('there is no such signer');
    const header = { lane: signer.lane, epoch: 1, prevRev: i, rev: i + 1, keyId: signer.keyId };
    const signature = sign(frameSigned(header, bodySha256(bytes)), signer.privateKey);
    return { ...header, body: bytes, signature };
  });
  return { keys, frames };
}

/** Milliseconds to decode and apply one revision of 1,000 new devices. */
function applyBulk(directory: LaneTable): number {
  const bytes = opsToBytes(
    Array.from({ length: 1_000 }, (_, i) => ({
      op: 'device',
      id: newId('dev'),
      name: `imported-${i}`,
      managed: false,
      ownerUserId: null,
      posture: [],
    })),
  );
  const before = performance.now();
  directory.apply(opsFromBytes(bytes) as RowOp[]);
  return performance.now() - before;
}
