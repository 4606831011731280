import type { Position, StateOp } from '@sallyport/shared/state/model';
import { revoke } from '../revoke/revoke.ts';
import type { Database } from '../store/database.ts';
import { deviceOp, insertDevice } from '../store/devices.ts';
import { deleteEdge } from '../store/edges.ts';
import { raiseGeneration } from '../store/generations.ts';
import { insertUser, userOps } from '../store/users.ts';
import { write } from '../store/write.ts';
import { testActor } from './edge-world.ts';

/** Writes as the admin API makes them; each gives the position of its lane. */

const action = { verb: 'test', resource: 'test' };
/** The longest text that can be observed. */
const factBytes = 1_024;

export async function addUser(database: Database, email: string): Promise<Position> {
  const { positions } = await write(database, testActor, action, async (tx) => {
    const user = { email, displayName: email, status: 'active' } as const;
    const { id } = await insertUser(tx.db, user, tx.nowMs);
    tx.emit('directory', ...(await userOps(tx.db, [id])));
  });
  return positionOf(positions.directory);
}

/** Many devices in one revision, of each of which this many bytes were observed. */
export async function addDevices(
  database: Database,
  count: number,
  bytes: number,
): Promise<Position> {
  const posture = Array.from({ length: Math.ceil(bytes / factBytes) }, (_, n) => ({
    name: `fact-${n}`,
    value: 'x'.repeat(Math.min(factBytes, bytes - n * factBytes)),
    observedAtMs: 0,
  }));
  const { positions } = await write(database, testActor, action, async (tx) => {
    for (let n = 0; n < count; n += 1) {
      const device = { name: `laptop-${n}`, managed: true, ownerUserId: null, posture };
      tx.emit('directory', deviceOp(await insertDevice(tx.db, device, tx.nowMs)));
    }
  });
  return positionOf(positions.directory);
}

export async function endEveryone(database: Database): Promise<Position> {
  const { positions } = await write(database, testActor, action, async (tx) => {
    tx.emit('revoke', await raiseGeneration(tx.db, 'global', ''));
  });
  return positionOf(positions.revoke);
}

export async function blockEdge(database: Database, edgeId: string): Promise<Position> {
  const order = {
    kind: 'edge',
    id: edgeId,
    effect: 'block',
    reason: 'test',
    by: 'test',
    expiresAtMs: null,
  } as const;
  const { positions } = await write(database, testActor, action, (tx) => revoke(tx, order));
  return positionOf(positions.revoke);
}

export async function removeEdge(database: Database, edgeId: string): Promise<Position> {
  const { positions } = await write(database, testActor, action, async (tx) => {
    await deleteEdge(tx.db, edgeId);
    tx.emit('config', { op: 'deleted_edge', edgeId });
  });
  return positionOf(positions.config);
}

export function positionOf(position: Position | null | undefined): Position {
  if (position === null || position === undefined) throw new Error('there is no position');
  return position;
}

export function emailsOf(ops: readonly StateOp[]): string[] {
  return ops.flatMap((op) => (op.op === 'user' ? [op.email] : []));
}
