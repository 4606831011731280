import type { Log } from '@sallyport/shared/log';
import type { Lane } from '@sallyport/shared/state/model';
import type { AlarmName } from '@sallyport/shared/sync/edge-lane-model';
import type { PathName } from '@sallyport/shared/sync/messages';

export interface Alarm {
  readonly lane: Lane;
  readonly name: AlarmName;
  readonly path: PathName | null;
  readonly detail: string;
}

interface Said {
  atMs: number;
  /** Since then. */
  unsaid: number;
  last: Alarm;
}

const quietMs = 1_000;

/**
 * Logs alarms: of each name and way one line a second at the most, with how many there were.
 * Whoever can cause alarms can cause as many as they like.
 */
export class AlarmLog {
  readonly #log: Pick<Log, 'warn'>;
  readonly #nowMs: () => number;
  /** By name and way, which are few. */
  readonly #said = new Map<string, Said>();

  /** `nowMs`: of the monotonic clock. */
  constructor(log: Pick<Log, 'warn'>, nowMs: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  note(alarm: Alarm): void {
    const key = `${alarm.name} ${alarm.path}`;
    const said = this.#said.get(key) ?? { atMs: Number.NEGATIVE_INFINITY, unsaid: 0, last: alarm };
    said.unsaid += 1;
    said.last = alarm;
    this.#said.set(key, said);
    this.#say(said);
  }

  /** Says what has waited; to be called now and then. */
  flush(): void {
    for (const said of this.#said.values()) this.#say(said);
  }

  #say(said: Said): void {
    const nowMs = this.#nowMs();
    if (said.unsaid === 0 || nowMs - said.atMs < quietMs) return;
    this.#log.warn('sync.alarm', { ...said.last, count: said.unsaid });
    said.atMs = nowMs;
    said.unsaid = 0;
  }
}
