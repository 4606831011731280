import type { AccessRecord } from '@sallyport/shared/access-record';
import { Browser } from '@sallyport/stack';
import { expect, inject, it } from 'vitest';
import { openAdmin, pageOn, userOf } from '../support/cast.ts';

const stack = inject('stack');

interface Items<Item> {
  readonly items: readonly Item[];
}

it('a client behind a front proxy has its own address, in its session and in the records', async () => {
  const alice = userOf(stack, 'alice');
  const [here, there] = ['203.0.113.77', '2001:db8::77'];
  const browser = await Browser.open(stack, alice.device, undefined, { stack, address: here });
  // The same cookies, from elsewhere.
  const abroad = await Browser.open(stack, alice.device, browser.jar, { stack, address: there });
  const api = await openAdmin(stack);
  const sourceOf = async (id: unknown): Promise<string | undefined> => {
    const { items } = await api.get<Items<AccessRecord>>('/v1/decisions');
    return items.find(({ correlationId }) => correlationId === id)?.sourceAddress;
  };
  try {
    const answer = await browser.signIn(pageOn(stack, '/'), alice);
    const again = await abroad.ask(pageOn(stack, '/', { edge: 1 }));
    expect([answer.status, again.status]).toEqual([200, 200]);
    const [first, second] = [answer, again].map(({ headers }) => headers['sallyport-request-id']);
    await expect.poll(() => sourceOf(first)).toBe(here);
    await expect.poll(() => sourceOf(second)).toBe(there);
    const sessions = await api.get<Items<{ readonly sourceAddress: string }>>('/v1/sessions');
    expect(sessions.items.map(({ sourceAddress }) => sourceAddress)).toContain(here);
  } finally {
    await Promise.all([api.close(), browser.close(), abroad.close()]);
  }
});
