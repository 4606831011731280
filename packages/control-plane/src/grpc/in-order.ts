/** How the items of a stream are taken. */
interface Taking<Item, Answer> {
  /** Items under way at the same time: the next is not read before there is room. */
  readonly atOnceMax: number;
  /** Before each item is taken; an item that it refuses ends everything. */
  readonly admit: () => Promise<unknown>;
  /** Takes one item. `before` resolves when those before it are answered: what must not overtake waits for it. */
  readonly take: (item: Item, before: Promise<void>) => Promise<Answer>;
  /** Told in the order of the items. */
  readonly answer: (answer: Answer) => void;
}

/**
 * Takes the items of a stream, some at the same time, and answers them in their order. Resolves when
 * all are answered. Where one fails, those before it are answered and it fails with that: none after
 * it is answered, though some may have been taken, and no other is begun.
 */
export async function takeInOrder<Item, Answer>(
  items: AsyncIterable<Item>,
  { atOnceMax, admit, take, answer }: Taking<Item, Answer>,
): Promise<void> {
  const failed = Promise.withResolvers<never>();
  let over = false;
  let last: Promise<void> = Promise.resolve();
  const underWay: Promise<void>[] = [];

  const answered = async (taken: Promise<Answer>, before: Promise<void>): Promise<void> => {
    await before;
    answer(await taken);
  };
  const begin = (item: Item): void => {
    const before = last;
    const taken = take(item, before);
    taken.catch(() => {
      over = true;
    });
    last = answered(taken, before);
    last.catch(failed.reject);
    underWay.push(last);
  };
  const readAll = async (): Promise<void> => {
    for await (const item of items) {
      if (!over) await admit();
      if (over) return failed.promise;
      begin(item);
      if (underWay.length >= atOnceMax) await underWay.shift();
    }
    await last;
  };
  try {
    await Promise.race([readAll(), failed.promise]);
  } finally {
    over = true;
  }
}
