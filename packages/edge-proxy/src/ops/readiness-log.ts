import type { Log } from '@sallyport/shared/log';

type Standing = 'not_ready' | 'ready' | 'blocked';

/** Tells the log when the edge can serve, when it cannot any more, and when it may not. */
export class ReadinessLog {
  readonly #log: Log;
  #standing: Standing = 'not_ready';

  constructor(log: Log) {
    this.#log = log;
  }

  /** `reasons`: what keeps requests away now, as codes. A start is no news until it is over. */
  look(reasons: readonly string[]): void {
    const standing = standingOf(reasons);
    if (standing === this.#standing) return;
    this.#standing = standing;
    if (standing === 'ready') this.#log.info('edge.ready');
    else this.#log.warn(`edge.${standing}`, { reasons });
  }
}

function standingOf(reasons: readonly string[]): Standing {
  if (reasons.includes('edge_blocked')) return 'blocked';
  return reasons.length === 0 ? 'ready' : 'not_ready';
}
