import type { AdminApi } from '@sallyport/stack';

export interface Revocation {
  readonly id: string;
  readonly enforced: boolean;
  readonly receipts: readonly {
    readonly edgeId: string;
    readonly region: string;
    readonly status: 'enforced' | 'unreachable';
    readonly tookMs: number | null;
    /** By which way the revocation came first; null: not known. */
    readonly path: string | null;
  }[];
}

/** Revokes and waits until every edge says that it enforces it. */
export async function revoke(
  api: AdminApi,
  target: { readonly kind: string; readonly id?: string; readonly email?: string },
  effect?: 'end' | 'block',
): Promise<Revocation & { readonly status: number }> {
  const { status, body } = await api.post<Revocation>('/v1/revocations?wait=enforced', {
    target,
    reason: 'A test of the whole',
    ...(effect === undefined ? {} : { effect }),
  });
  return { ...body, status };
}
