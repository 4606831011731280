import type { PostureFact } from '@sallyport/policy';
import { newId } from '@sallyport/shared/ids';
import type { Device, DeviceCertificate } from '@sallyport/shared/state/model';
import { and, asc, eq } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { afterCursor, contains, newestFirst, type PageRequest } from './paging.ts';
import { deviceCertificates, devices } from './schema/index.ts';

export type DeviceRow = typeof devices.$inferSelect;
export type DeviceCertificateRow = typeof deviceCertificates.$inferSelect;

/** Inserts a device. The caller emits `deviceOp`. */
export async function insertDevice(
  db: Executor,
  device: {
    readonly name: string;
    readonly managed: boolean;
    readonly ownerUserId: string | null;
    readonly posture?: readonly PostureFact[];
  },
  nowMs: number,
): Promise<DeviceRow> {
  const [row] = await db
    .insert(devices)
    .values({ id: newId('dev'), ...device, createdAtMs: nowMs, updatedAtMs: nowMs })
    .returning();
  if (row === undefined) throw new Error('a device was not written');
  return row;
}

/** Changes a device, which stays locked. null: there is none. The caller emits `deviceOp`. */
export async function updateDevice(
  db: Executor,
  id: string,
  change: {
    readonly name?: string;
    readonly managed?: boolean;
    readonly ownerUserId?: string | null;
    /** By name in ascending order, each name once. */
    readonly posture?: readonly PostureFact[];
  },
  nowMs: number,
): Promise<DeviceRow | null> {
  const [row] = await db
    .update(devices)
    .set({ ...change, updatedAtMs: nowMs })
    .where(eq(devices.id, id))
    .returning();
  return row ?? null;
}

/** Takes the owner away from all devices of a user, who is about to be deleted. */
export async function disownDevices(
  db: Executor,
  userId: string,
  nowMs: number,
): Promise<DeviceRow[]> {
  return db
    .update(devices)
    .set({ ownerUserId: null, updatedAtMs: nowMs })
    .where(eq(devices.ownerUserId, userId))
    .returning();
}

/** Deletes a device with its certificates and sessions. False: there was none. */
export async function deleteDevice(db: Executor, id: string): Promise<boolean> {
  const deleted = await db.delete(devices).where(eq(devices.id, id)).returning({ id: devices.id });
  return deleted.length > 0;
}

export async function findDevice(db: Executor, id: string): Promise<DeviceRow | null> {
  const [row] = await db.select().from(devices).where(eq(devices.id, id));
  return row ?? null;
}

/** The device, locked: it stays while a certificate or session is added, and goes with all it has. */
export async function lockDevice(db: Executor, id: string): Promise<DeviceRow | null> {
  const [row] = await db.select().from(devices).where(eq(devices.id, id)).for('update');
  return row ?? null;
}

/** False: a certificate with this fingerprint is enrolled already. */
export async function insertDeviceCertificate(
  db: Executor,
  certificate: Omit<DeviceCertificateRow, 'createdAtMs'>,
  nowMs: number,
): Promise<boolean> {
  const inserted = await db
    .insert(deviceCertificates)
    .values({ ...certificate, createdAtMs: nowMs })
    .onConflictDoNothing()
    .returning({ sha256: deviceCertificates.sha256 });
  return inserted.length > 0;
}

/** The certificates of a device, the oldest first; it has no more than the limit. */
export async function findDeviceCertificates(
  db: Executor,
  deviceId: string,
): Promise<DeviceCertificateRow[]> {
  return db
    .select()
    .from(deviceCertificates)
    .where(eq(deviceCertificates.deviceId, deviceId))
    .orderBy(asc(deviceCertificates.createdAtMs), asc(deviceCertificates.sha256))
    .limit(certificatesPerDeviceMax);
}

/** A device that has this many takes no more. */
export const certificatesPerDeviceMax = 100;

export async function findDeviceCertificate(
  db: Executor,
  sha256: string,
): Promise<DeviceCertificateRow | null> {
  const [row] = await db
    .select()
    .from(deviceCertificates)
    .where(eq(deviceCertificates.sha256, sha256));
  return row ?? null;
}

/** False: the device has no such certificate. */
export async function deleteDeviceCertificate(
  db: Executor,
  deviceId: string,
  sha256: string,
): Promise<boolean> {
  const deleted = await db
    .delete(deviceCertificates)
    .where(and(eq(deviceCertificates.sha256, sha256), eq(deviceCertificates.deviceId, deviceId)))
    .returning({ sha256: deviceCertificates.sha256 });
  return deleted.length > 0;
}

export function deviceOp(row: DeviceRow): Device {
  return {
    op: 'device',
    id: row.id,
    name: row.name,
    managed: row.managed,
    ownerUserId: row.ownerUserId,
    // The members in one order, which the database does not keep.
    posture: row.posture.map(({ name, value, observedAtMs }) => ({ name, value, observedAtMs })),
  };
}

export function deviceCertificateOp(
  row: Pick<DeviceCertificateRow, 'sha256' | 'deviceId' | 'notBeforeMs' | 'notAfterMs'>,
): DeviceCertificate {
  return {
    op: 'device_certificate',
    sha256: row.sha256,
    deviceId: row.deviceId,
    notBeforeMs: row.notBeforeMs,
    notAfterMs: row.notAfterMs,
  };
}

export interface DeviceFilter {
  /** User id of the owner. */
  readonly owner?: string;
  readonly managed?: boolean;
  /** Part of the name. */
  readonly search?: string;
}

export async function listDevices(
  db: Executor,
  filter: DeviceFilter,
  page: PageRequest,
): Promise<DeviceRow[]> {
  const { owner, managed, search } = filter;
  return db
    .select()
    .from(devices)
    .where(
      and(
        owner === undefined ? undefined : eq(devices.ownerUserId, owner),
        managed === undefined ? undefined : eq(devices.managed, managed),
        search === undefined ? undefined : contains(devices.name, search),
        afterCursor(page, devices.createdAtMs, devices.id),
      ),
    )
    .orderBy(...newestFirst(devices.createdAtMs, devices.id))
    .limit(page.limit + 1);
}
