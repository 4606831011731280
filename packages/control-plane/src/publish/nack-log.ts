import type { Log } from '@sallyport/shared/log';
import type { NackMessage } from '@sallyport/shared/sync/messages';

/** Writes refusals into the log: the first of an edge and lane at once, then one line a second. */
export interface NackLog {
  note(edgeId: string, nack: NackMessage): void;
  /** Called once a second. */
  flush(): void;
}

interface Noted {
  readonly edgeId: string;
  last: NackMessage;
  /** Since the last line. */
  count: number;
}

/** As many entries as edges have lanes here, at the most. */
export function createNackLog(log: Log): NackLog {
  const noted = new Map<string, Noted>();

  const write = ({ edgeId, last }: Noted, count: number): void => {
    const { lane, position, code } = last;
    log.warn('publish.nack', { edge: edgeId, lane, position, code, count });
  };

  return {
    note(edgeId, nack) {
      const key = `${edgeId} ${nack.lane}`;
      const known = noted.get(key);
      if (known !== undefined) {
        known.last = nack;
        known.count += 1;
        return;
      }
      const first = { edgeId, last: nack, count: 0 };
      noted.set(key, first);
      write(first, 1);
    },
    flush() {
      for (const [key, entry] of noted) {
        if (entry.count === 0) {
          noted.delete(key);
          continue;
        }
        write(entry, entry.count);
        entry.count = 0;
      }
    },
  };
}
