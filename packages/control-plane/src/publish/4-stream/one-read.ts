import type { Log } from '@sallyport/shared/log';
import type { Lane } from '@sallyport/shared/state/model';

/** What one lane of one stream is reading: an answer is not heard if another was asked for since. */
export class OneRead {
  readonly #lane: Lane;
  readonly #log: Log;
  #asked = 0;

  constructor(lane: Lane, log: Log) {
    this.#lane = lane;
    this.#log = log;
  }

  /** Calls `onAnswer` or `onFailed`, later, unless the read is forgotten before. */
  ask<Answer>(
    work: () => Promise<Answer>,
    onAnswer: (answer: Answer) => void,
    onFailed: () => void,
  ): void {
    this.#asked += 1;
    const asked = this.#asked;
    const isWanted = (): boolean => asked === this.#asked;
    work()
      .then(
        (answer) => isWanted() && onAnswer(answer),
        (error: unknown) => {
          this.#log.warn('publish.lane_read_failed', { lane: this.#lane, error });
          if (isWanted()) onFailed();
        },
      )
      .catch((error: unknown) => {
        this.#log.error('publish.lane_failed', { lane: this.#lane, error });
      });
  }

  forget(): void {
    this.#asked += 1;
  }
}
