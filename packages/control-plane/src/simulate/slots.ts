import { SallyportError } from '@sallyport/shared/errors';

/** Work of which only so much may be under way at once; nobody waits for a turn. */
export class Slots {
  #free: number;

  constructor(max: number) {
    this.#free = max;
  }

  /** Throws `too_many_requests` where every slot is taken. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) {
      throw new SallyportError('too_many_requests', 'enough of these are running; try again later');
    }
    this.#free -= 1;
    try {
      return await work();
    } finally {
      this.#free += 1;
    }
  }
}
