import type { AccessRecord } from '@sallyport/shared/access-record';
import type { AdminApi } from '@sallyport/stack';
import { until } from './until.ts';

/** The access record of the request, which may be on its way yet. */
export async function recordOf(api: AdminApi, requestId: unknown): Promise<AccessRecord> {
  const { value } = await until(`the record of ${String(requestId)} is there`, async () => {
    const { items } = await api.get<{ readonly items: readonly AccessRecord[] }>('/v1/decisions');
    return items.find(({ correlationId }) => correlationId === requestId) ?? null;
  });
  return value;
}

/** The same for the newest that fits. */
export async function recordWhere(
  api: AdminApi,
  what: string,
  fits: (record: AccessRecord) => boolean,
): Promise<AccessRecord> {
  const { value } = await until(`a record of ${what} is there`, async () => {
    const { items } = await api.get<{ readonly items: readonly AccessRecord[] }>('/v1/decisions');
    return items.find(fits) ?? null;
  });
  return value;
}
