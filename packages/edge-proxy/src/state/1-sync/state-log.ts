import type { Log } from '@sallyport/shared/log';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { PathName } from '@sallyport/shared/sync/messages';

/** What the log says of the state itself, which changes all the time: only what is news. */
export class StateLog {
  readonly #log: Log;
  #carried = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** The lane has gone on from `before` to `now`. */
  moved(lane: Lane, before: Position | null, now: Position, path: PathName): void {
    if (before === null || before.epoch === now.epoch) return;
    const { epoch, rev } = now;
    this.#log.info('state.epoch_changed', { lane, path, before: before.epoch, epoch, rev });
  }

  /** So many blocks are carried now. That one of many was lifted is no news. */
  carried(blocks: number): void {
    if (blocks > this.#carried) this.#log.warn('state.blocks_carried', { blocks });
    else if (blocks === 0 && this.#carried > 0) this.#log.info('state.blocks_carried', { blocks });
    this.#carried = blocks;
  }
}
