import { createHash } from 'node:crypto';
import { SallyportError } from '@sallyport/shared/errors';
import { type CertificateInfo, inspectCertificate } from '@sallyport/shared/pki/certificate';
import { csrFromPem, readCsr } from '@sallyport/shared/pki/csr';
import { checkEnrolment } from '@sallyport/shared/pki/device-certificate';
import { issueCertificate } from '@sallyport/shared/pki/issue';
import { deviceUri } from '@sallyport/shared/pki/spiffe';
import type { Static } from 'typebox';
import { revoke } from '../../revoke/revoke.ts';
import {
  certificatesPerDeviceMax,
  type DeviceCertificateRow,
  deleteDeviceCertificate,
  deviceCertificateOp,
  findDeviceCertificate,
  findDeviceCertificates,
  insertDeviceCertificate,
  lockDevice,
} from '../../store/devices.ts';
import { isBlocked, isCertificateBlocked, isKeyOfBlockedDevice } from '../../store/revocations.ts';
import type { WriteTx } from '../../store/write.ts';
import type { AdminContext } from '../context.ts';
import { badField, conflict, contradiction, notFound } from '../http/problems.ts';
import type { NewCertificate } from './schemas.ts';

const validDaysDefault = 365;

/** Enrols a certificate for a device: one that we issue, or one that another authority issued. */
export async function enrol(
  tx: WriteTx,
  context: AdminContext,
  deviceId: string,
  given: Static<typeof NewCertificate>,
): Promise<DeviceCertificateRow> {
  if ((await lockDevice(tx.db, deviceId)) === null) throw notFound();
  if (await isBlocked(tx.db, 'device', deviceId, tx.nowMs)) {
    throw conflict('the device is blocked; lift the block first');
  }
  const enrolled = await findDeviceCertificates(tx.db, deviceId);
  if (enrolled.length >= certificatesPerDeviceMax) {
    throw conflict(`the device has ${certificatesPerDeviceMax} certificates; delete one`);
  }
  const source = given.csr === undefined ? 'registered' : 'issued';
  const info = await certificateOf(context, deviceId, given, tx.nowMs);
  const keySha256 = createHash('sha256').update(info.publicKeyDer).digest('hex');
  if (await isCertificateBlocked(tx.db, info.sha256, keySha256, tx.nowMs)) {
    throw conflict('a certificate with this key is blocked');
  }
  if (await isKeyOfBlockedDevice(tx.db, keySha256, tx.nowMs)) {
    throw conflict('a device with this key is blocked');
  }
  const row = {
    sha256: info.sha256,
    deviceId,
    notBeforeMs: info.notBeforeMs,
    notAfterMs: info.notAfterMs,
    source,
    der: info.der,
    keySha256,
  } as const;
  if (!(await insertDeviceCertificate(tx.db, row, tx.nowMs))) {
    throw conflict('this certificate is enrolled already');
  }
  tx.emit('directory', deviceCertificateOp(row));
  tx.describe(deviceId, { sha256: info.sha256, source });
  return { ...row, createdAtMs: tx.nowMs };
}

/** Takes a certificate from its device. */
export async function withdraw(
  tx: WriteTx,
  deviceId: string,
  sha256: string,
  by: string,
): Promise<void> {
  const row = await findDeviceCertificate(tx.db, sha256);
  if (row === null || row.deviceId !== deviceId) throw notFound();
  await blockWithdrawn(tx, deviceId, [row], by);
  await deleteDeviceCertificate(tx.db, deviceId, sha256);
  tx.emit('directory', { op: 'deleted_device_certificate', sha256 });
  tx.describe(deviceId, { sha256 });
}

/**
 * Blocks certificates that are about to be taken from their device, before their rows go. One that
 * we issued names its device and would be known without a row, so it is blocked until it expires.
 * Those of a blocked device are blocked until that is lifted, whoever issued them: with the rows
 * the block of the device would no longer keep their keys away.
 */
export async function blockWithdrawn(
  tx: WriteTx,
  deviceId: string,
  rows: readonly DeviceCertificateRow[],
  by: string,
): Promise<void> {
  const deviceBlocked = await isBlocked(tx.db, 'device', deviceId, tx.nowMs);
  for (const { sha256: id, source, notAfterMs } of rows) {
    if (!deviceBlocked && (source !== 'issued' || notAfterMs <= tx.nowMs)) continue;
    const order = { kind: 'certificate', id, effect: 'block', by } as const;
    const expiresAtMs = deviceBlocked ? null : notAfterMs;
    await revoke(tx, { ...order, reason: 'withdrawn', expiresAtMs });
  }
}

async function certificateOf(
  context: AdminContext,
  deviceId: string,
  { csr, certificate, validDays }: Static<typeof NewCertificate>,
  nowMs: number,
): Promise<CertificateInfo> {
  if (csr !== undefined && certificate === undefined) {
    return issue(context, deviceId, csr, validDays ?? validDaysDefault, nowMs);
  }
  if (certificate === undefined || csr !== undefined) {
    throw contradiction('', 'give either `csr` or `certificate`');
  }
  if (validDays !== undefined) throw contradiction('/validDays', 'goes with `csr` alone');
  const result = checkEnrolment(certificate, nowMs);
  if (!result.ok) throw badField('/certificate', result.problem);
  return result.certificate;
}

async function issue(
  { deviceAuthority, trustDomain }: AdminContext,
  deviceId: string,
  csr: string,
  days: number,
  nowMs: number,
): Promise<CertificateInfo> {
  const csrDer = csrFromPem(csr);
  if (csrDer === null) throw badField('/csr', 'is not one certificate request in PEM');
  const request = await readCsr(csrDer);
  if (!request.ok) throw badField('/csr', request.problem);
  const { certificateDer } = await issueCertificate(deviceAuthority, {
    publicKey: request.publicKey,
    commonName: deviceId,
    uris: [deviceUri(trustDomain, deviceId)],
    usage: 'client',
    notBefore: new Date(nowMs - 60_000),
    notAfter: new Date(nowMs + days * 86_400_000),
  });
  const info = inspectCertificate(certificateDer);
  if (info === null) throw new SallyportError('internal', 'an issued certificate cannot be read');
  return info;
}
