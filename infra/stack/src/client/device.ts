import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCsr } from '@sallyport/shared/pki/csr';
import { writePem } from '@sallyport/shared/pki/pem';
import type { StackUser } from '../stack.ts';
import type { AdminApi } from './admin-api.ts';

/** What is known of a device when it is enrolled. */
export interface NewDevice {
  readonly name: string;
  readonly ownerUserId: string;
  readonly managed: boolean;
}

/**
 * Enrols a device the way an administrator does: the key is made here and stays here, the control
 * plane gets a request and gives a certificate. Writes both as PEM files into `dir`.
 */
export async function enrolDevice(
  api: AdminApi,
  dir: string,
  { name, ownerUserId, managed }: NewDevice,
): Promise<StackUser['device']> {
  const [created, request] = await Promise.all([
    api.post<{ readonly id: string }>('/v1/devices', { name, ownerUserId, managed }),
    createCsr({ commonName: name }),
  ]);
  const { id } = created.body;
  const csr = writePem('CERTIFICATE REQUEST', request.csrDer);
  const issued = await api.post<{ readonly certificate: string }>(
    `/v1/devices/${id}/certificates`,
    { csr },
  );
  const files = { cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key.pem`) };
  await Promise.all([
    writeFile(files.cert, issued.body.certificate),
    writeFile(files.key, request.privateKeyPem, { mode: 0o600 }),
  ]);
  return { id, ...files };
}
