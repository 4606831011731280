import type { Position } from '@sallyport/shared/state/model';
import type { EdgeReceipt, Receipts } from '../../ports.ts';

const waitMsMax = 5_000;

export interface Enforcement {
  readonly enforced: boolean;
  readonly receipts: EdgeReceipt[];
}

/** What the edges made of a revocation, if the request wants to wait for them. */
export async function enforcementOf(
  receipts: Receipts,
  position: Position | null,
  wait: 'enforced' | undefined,
): Promise<Enforcement> {
  if (wait === undefined || position === null) return { enforced: false, receipts: [] };
  const received = await receipts.waitEnforced('revoke', position, waitMsMax);
  return {
    enforced: received.every((receipt) => receipt.status === 'enforced'),
    receipts: [...received],
  };
}
