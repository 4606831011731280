import { SallyportError } from '@sallyport/shared/errors';

/** Does the work if there is a turn for it now; else fails with `too_many_requests`, at once. */
export type Turns = <T>(who: string, work: () => Promise<T>) => Promise<T>;

/** Lets so many work at the same time, and of one of them no more than so many. */
export function createTurns(max: { readonly ofOne: number; readonly inAll: number }): Turns {
  const running = new Map<string, number>();
  let all = 0;
  return async (who, work) => {
    const own = running.get(who) ?? 0;
    if (own >= max.ofOne || all >= max.inAll) {
      throw new SallyportError('too_many_requests', 'too many at a time');
    }
    running.set(who, own + 1);
    all += 1;
    try {
      return await work();
    } finally {
      all -= 1;
      const left = (running.get(who) ?? 1) - 1;
      if (left === 0) running.delete(who);
      else running.set(who, left);
    }
  };
}
