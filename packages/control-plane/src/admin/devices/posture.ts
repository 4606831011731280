import { isDeepStrictEqual } from 'node:util';
import type { PostureFact } from '@sallyport/policy';
import type { Static } from 'typebox';
import { type DeviceRow, deviceOp, lockDevice, updateDevice } from '../../store/devices.ts';
import type { WriteTx } from '../../store/write.ts';
import { badField, instantAt, notFound } from '../http/problems.ts';
import type { Posture } from './schemas.ts';

/** How far the clock of an MDM may be ahead: conditions allow as much. */
const aheadMaxMs = 60_000;

/**
 * Puts all that is known of a device. An observation never takes the place of a later one of the same
 * name: reports can overtake each other. What says nothing new goes out to no edge.
 */
export async function putPosture(
  tx: WriteTx,
  id: string,
  { facts }: Static<typeof Posture>,
): Promise<DeviceRow> {
  const given = facts.map((fact, index) => readFact(fact, `/facts/${index}`, tx.nowMs));
  const names = given.map(({ name }) => name);
  const twice = names.findIndex((name, index) => names.indexOf(name) < index);
  if (twice !== -1) throw badField(`/facts/${twice}/name`, 'is there twice');
  const row = await lockDevice(tx.db, id);
  if (row === null) throw notFound();
  tx.describe(id, { posture: names });
  const posture = given.map((fact) => later(fact, row.posture)).sort(byName);
  if (isDeepStrictEqual(posture, row.posture)) return row;
  const changed = await updateDevice(tx.db, id, { posture }, tx.nowMs);
  if (changed === null) throw new Error(`device ${id} is gone`);
  tx.emit('directory', deviceOp(changed));
  return changed;
}

function readFact(
  { name, value, observedAt }: Static<typeof Posture>['facts'][number],
  field: string,
  nowMs: number,
): PostureFact {
  const observedAtMs = instantAt(observedAt, `${field}/observedAt`);
  if (observedAtMs <= nowMs + aheadMaxMs) return { name, value, observedAtMs };
  throw badField(`${field}/observedAt`, 'lies in the future');
}

function later(fact: PostureFact, known: readonly PostureFact[]): PostureFact {
  const before = known.find(({ name }) => name === fact.name);
  return before !== undefined && before.observedAtMs > fact.observedAtMs ? before : fact;
}

/** By code unit, as the tables of the state want them. */
function byName(a: PostureFact, b: PostureFact): number {
  return a.name < b.name ? -1 : 1;
}
