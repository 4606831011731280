import type { MessagePort } from 'node:worker_threads';
import type { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';
import type { RowLane } from '@sallyport/shared/state/tables/lane';
import { createCarriedTable, type LaneTable } from '@sallyport/shared/state/tables/lane-table';
import type { SharedState } from '../../worker/messages.ts';
import { LaneAges } from '../lane-ages.ts';

/** All rows of an edge, in one copy: the main thread writes, workers read. */
export class StateTables {
  readonly rows: Readonly<Record<RowLane, LaneTable>>;
  /** Denials beside the lane's own rows. */
  readonly carried: LaneTable = createCarriedTable();
  readonly config: KeyedRows;
  readonly ages: LaneAges = new LaneAges();

  constructor(rows: Readonly<Record<RowLane, LaneTable>>, config: KeyedRows) {
    this.rows = rows;
    this.config = config;
  }

  /** What a reader in another thread needs. Announce the layout to it before anything changes. */
  shared(): SharedState {
    const { revoke, signals, directory } = this.rows;
    return {
      revoke: revoke.shared(),
      carried: this.carried.shared(),
      signals: signals.shared(),
      directory: directory.shared(),
      ages: this.ages.shared,
    };
  }

  /** From now on tells every change of a table's layout, before a reader can meet it. */
  announceLayout(port: Pick<MessagePort, 'postMessage'>): void {
    for (const table of [...Object.values(this.rows), this.carried]) {
      table.onLayout((change) => port.postMessage(change));
    }
  }

  offHeapBytes(): number {
    return [...Object.values(this.rows), this.carried].reduce(
      (sum, table) => sum + table.offHeapBytes(),
      0,
    );
  }
}
