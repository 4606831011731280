import { newId } from '@sallyport/shared/ids';
import type { Database } from '../store/database.ts';
import { acquireLease, type Leader, leaderOf } from '../store/leases.ts';

/** The holder of a lease that nobody else asks for. */
export async function testLeader(database: Database): Promise<Leader> {
  const lease = await acquireLease(database.db, newId('req'), 'test', 600_000);
  if (lease === null) throw new Error('the lease is taken');
  return leaderOf(database, lease);
}
