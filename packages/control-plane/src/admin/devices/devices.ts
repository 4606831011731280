import type { Static } from 'typebox';
import {
  type DeviceRow,
  deleteDevice,
  deviceOp,
  findDeviceCertificates,
  insertDevice,
  lockDevice,
  updateDevice,
} from '../../store/devices.ts';
import { findUser } from '../../store/users.ts';
import type { WriteTx } from '../../store/write.ts';
import { badField, notFound } from '../http/problems.ts';
import { blockWithdrawn } from './certificates.ts';
import type { DeviceChange, NewDevice } from './schemas.ts';

export async function createDevice(
  tx: WriteTx,
  given: Static<typeof NewDevice>,
): Promise<DeviceRow> {
  const { name, managed = false, ownerUserId = null } = given;
  await requireOwner(tx, ownerUserId);
  const row = await insertDevice(tx.db, { name, managed, ownerUserId }, tx.nowMs);
  tx.emit('directory', deviceOp(row));
  tx.describe(row.id, { name, managed, ownerUserId });
  return row;
}

export async function changeDevice(
  tx: WriteTx,
  id: string,
  change: Static<typeof DeviceChange>,
): Promise<DeviceRow> {
  await requireOwner(tx, change.ownerUserId ?? null);
  const row = await updateDevice(tx.db, id, change, tx.nowMs);
  if (row === null) throw notFound();
  tx.emit('directory', deviceOp(row));
  tx.describe(id, change);
  return row;
}

/** Deletes a device with its certificates, whose keys do not come back, and its sessions. */
export async function removeDevice(tx: WriteTx, id: string, by: string): Promise<void> {
  const row = await lockDevice(tx.db, id);
  if (row === null) throw notFound();
  const certificates = await findDeviceCertificates(tx.db, id);
  await blockWithdrawn(tx, id, certificates, by);
  await deleteDevice(tx.db, id);
  const gone = certificates.map(({ sha256 }) => ({
    op: 'deleted_device_certificate' as const,
    sha256,
  }));
  tx.emit('directory', ...gone, { op: 'deleted_device', id });
  tx.describe(id, { name: row.name, certificates: gone.length });
}

async function requireOwner(tx: WriteTx, ownerUserId: string | null): Promise<void> {
  if (ownerUserId === null || (await findUser(tx.db, ownerUserId)) !== null) return;
  throw badField('/ownerUserId', 'names no user');
}
