import type { Device, DirectoryOp, User } from '@sallyport/shared/state/model';
import type { DeviceCertificateRow } from '../current.ts';
import type { SubjectSets } from './subjects.ts';

/** Rows of the `directory` lane. */
export interface DirectoryTable {
  readonly users: Map<string, User>;
  readonly devices: Map<string, Device>;
  /** By SHA-256 of the certificate, lower-case hex. */
  readonly certificates: Map<string, DeviceCertificateRow>;
}

export function createDirectoryTable(): DirectoryTable {
  return { users: new Map(), devices: new Map(), certificates: new Map() };
}

/** Applies one op; the subjects whose facts it changes are added to `changed`. */
export function applyDirectoryOp(
  table: DirectoryTable,
  op: DirectoryOp,
  changed: SubjectSets,
): void {
  switch (op.op) {
    case 'user':
      table.users.set(op.id, op);
      changed.users.add(op.id);
      return;
    case 'deleted_user':
      table.users.delete(op.id);
      changed.users.add(op.id);
      return;
    case 'device':
      table.devices.set(op.id, op);
      changed.devices.add(op.id);
      return;
    case 'deleted_device':
      table.devices.delete(op.id);
      changed.devices.add(op.id);
      return;
    case 'device_certificate':
      table.certificates.set(op.sha256, {
        sha256: op.sha256,
        deviceId: op.deviceId,
        notBeforeMs: op.notBeforeMs,
        notAfterMs: op.notAfterMs,
      });
      changed.certificates.add(op.sha256);
      return;
    case 'deleted_device_certificate':
      table.certificates.delete(op.sha256);
      changed.certificates.add(op.sha256);
      return;
  }
}
