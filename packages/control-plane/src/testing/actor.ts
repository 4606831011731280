import type { Actor } from '../store/write.ts';

/** Who writes in tests that have no request. */
export const systemActor: Actor = {
  kind: 'system',
  id: 'test',
  label: 'test',
  requestId: '',
  sourceAddress: '',
};
