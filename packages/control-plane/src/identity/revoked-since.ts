import { opsFromBytes } from '@sallyport/proto';
import type { Position, StateOp } from '@sallyport/shared/state/model';
import { readHead, readRevisions } from '../store/change-log.ts';
import type { Executor } from '../store/database.ts';
import type { Revision } from '../store/log-connection.ts';

/** Revisions that are read and decoded at a time. */
const pageMax = 500;

/** What the log says about one subject. `behind`: read on outside of the transaction, and ask again. */
export type RevokedAnswer = 'no' | 'revoked' | 'behind';

/**
 * What was revoked since a position of the `revoke` lane. Most of the log is other people's
 * sign-outs, so it is read before the transaction of a session, where nobody waits for it, and only
 * the few revisions that came since are read inside. What cannot be told (the log does not reach
 * back, or is of another epoch) counts as revoked.
 */
export class RevokedSince {
  #upTo: Position;
  #everyone = false;
  readonly #subjects = new Set<string>();

  constructor(since: Position) {
    this.#upTo = since;
  }

  /** Reads the log to its end, page by page. Outside of a transaction. */
  async catchUp(db: Executor): Promise<void> {
    for (;;) {
      const page = await readRevisions(db, 'revoke', this.#upTo, pageMax);
      this.#take(page);
      if (page.length < pageMax || this.#everyone) return;
    }
  }

  /**
   * Whether this user, this device or everyone was revoked. With the generations held by the
   * transaction nothing can be added between this answer and its commit: so no session comes out
   * of a sign-in that a revocation overtook, even one that only ends sessions.
   */
  async answer(db: Executor, userId: string, deviceId: string | null): Promise<RevokedAnswer> {
    const head = await readHead(db, 'revoke');
    if (head.epoch !== this.#upTo.epoch || head.rev < this.#upTo.rev) return 'revoked';
    if (head.rev > this.#upTo.rev) {
      const page = await readRevisions(db, 'revoke', this.#upTo, pageMax);
      if (page.length === 0) return 'revoked';
      this.#take(page);
    }
    if (this.#everyone || this.#subjects.has(subject('user', userId))) return 'revoked';
    if (deviceId !== null && this.#subjects.has(subject('device', deviceId))) return 'revoked';
    return this.#upTo.rev < head.rev ? 'behind' : 'no';
  }

  #take(page: readonly Revision[]): void {
    for (const { prevRev, epoch, rev, body } of page) {
      // Rows between were cleaned away: what they said is not known.
      if (prevRev !== this.#upTo.rev) this.#everyone = true;
      if (this.#everyone) return;
      for (const op of opsFromBytes(body)) this.#note(op);
      this.#upTo = { epoch, rev };
    }
  }

  #note(op: StateOp): void {
    if (op.op === 'generation') {
      if (op.scope === 'global') this.#everyone = true;
      else this.#subjects.add(subject(op.scope, op.subjectId));
    } else if (op.op === 'block') {
      if (op.kind === 'everyone') this.#everyone = true;
      else this.#subjects.add(subject(op.kind, op.subjectId));
    }
  }
}

function subject(kind: string, id: string): string {
  return `${kind}:${id}`;
}
