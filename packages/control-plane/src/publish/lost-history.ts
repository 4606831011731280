import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { FrameProof } from '@sallyport/shared/sync/messages';
import { type Database, read } from '../store/database.ts';
import { isPlausibleEpoch, provenReason, raiseEpoch, readLastRaise } from '../store/epoch.ts';
import type { Monotonic } from './1-log/follow.ts';

/** After a raise that edges caused, another one within this time takes a person. */
const againMs = 3_600_000;
/** So long an answer is given again. */
const keptMs = 1_000;

export interface LostHistoriesOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly monotonic: Monotonic;
  readonly log: Log;
  /** Once for each epoch that this replica raised. */
  readonly onRaised: () => void;
}

interface Raise {
  readonly done: Promise<void>;
  /** Monotonic; null: it is under way. */
  untilMs: number | null;
}

/**
 * The proofs of lost history that edges show to this replica. A raise is one for all lanes, and after
 * a restore every edge may show one for each of its lanes, again and again: so of one epoch of the
 * database one raise is under way at a time, those who come meanwhile wait for it, and what it came
 * to is the answer for a second.
 */
export class LostHistories {
  readonly #options: LostHistoriesOptions;
  /** By the epoch that the database was found in, oldest first. */
  readonly #raises = new Map<number, Raise>();

  constructor(options: LostHistoriesOptions) {
    this.#options = options;
  }

  /** Resolves when the epoch was raised, or is not to be. Fails like `write`, for all who wait. */
  show(lane: Lane, proof: FrameProof, databaseHead: Position): Promise<void> {
    const { database, clock, log } = this.#options;
    const found = { lane, proof, databaseHead, nowMs: clock(), log };
    // It must not stand in the way of those that can be ours.
    if (!isPlausible(found)) return Promise.resolve();
    this.#forgetOld();
    const known = this.#raises.get(databaseHead.epoch);
    if (known !== undefined) return known.done;
    const raise: Raise = { done: this.#raise(database, found), untilMs: null };
    this.#raises.set(databaseHead.epoch, raise);
    void raise.done.then(
      () => (raise.untilMs = this.#options.monotonic() + keptMs),
      () => this.#raises.delete(databaseHead.epoch),
    );
    return raise.done;
  }

  async #raise(database: Database, found: LostHistory): Promise<void> {
    if (await raiseForLostHistory(database, found)) this.#options.onRaised();
  }

  #forgetOld(): void {
    const nowMs = this.#options.monotonic();
    for (const [epoch, { untilMs }] of this.#raises) {
      if (untilMs !== null && untilMs <= nowMs) this.#raises.delete(epoch);
    }
  }
}

export interface LostHistory {
  readonly lane: Lane;
  readonly proof: FrameProof;
  readonly databaseHead: Position;
  readonly nowMs: number;
  readonly log: Log;
}

/**
 * An edge has shown, by a frame that a replica signed, that the database no longer has what it once
 * had. Its history goes on in a new epoch, in which that edge can be told what holds. Whoever has a
 * key to sign with could show anything, so an epoch that cannot be ours raises nothing, and proofs
 * raise it once an hour; else the edge waits, and a person decides. Says whether it was raised.
 * Fails like `write`.
 */
export async function raiseForLostHistory(
  database: Database,
  found: LostHistory,
): Promise<boolean> {
  const { lane, proof, databaseHead, nowMs, log } = found;
  if (!isPlausible(found)) return false;
  const shown = nameOf(found);
  const { keyId } = proof;
  log.error('publish.history_lost', { lane, shown, databaseHead });
  const last = await read(database, readLastRaise);
  if (last?.reason.startsWith(provenReason) === true && nowMs - last.atMs < againMs) {
    log.error('publish.history_lost_again', { lane, shown, databaseHead, keyId, last });
    return false;
  }
  const { raised } = await raiseEpoch(database, {
    reason: `${provenReason}${shown}, the database is at ${databaseHead.rev}`,
    actor: {
      kind: 'system',
      id: 'publish',
      label: 'publish',
      requestId: '',
      sourceAddress: '',
    },
    nowMs,
    seenEpoch: databaseHead.epoch,
    above: proof.epoch,
  });
  return raised;
}

function isPlausible(found: LostHistory): boolean {
  const { lane, proof, databaseHead, nowMs, log } = found;
  if (isPlausibleEpoch(proof.epoch, databaseHead.epoch, nowMs)) return true;
  const { keyId } = proof;
  log.error('publish.proof_implausible', { lane, shown: nameOf(found), databaseHead, keyId });
  return false;
}

function nameOf({ lane, proof }: LostHistory): string {
  return `revision ${proof.rev} of ${lane} in the epoch ${proof.epoch}`;
}
