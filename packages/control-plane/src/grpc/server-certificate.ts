import { isIP } from 'node:net';
import type { Clock } from '@sallyport/shared/clock';
import { inspectCertificate } from '@sallyport/shared/pki/certificate';
import { type Authority, issueWithNewKey } from '@sallyport/shared/pki/issue';

/** The control plane's own certificate on the gRPC listener. Its key is in memory alone. */
export interface ServerCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** When two thirds of its life are over. */
  readonly renewAtMs: number;
}

const lifetimeDays = 7;

/** Issues a certificate for the names (DNS names or addresses) from the edge authority. */
export async function issueServerCertificate(
  authority: Authority,
  names: readonly string[],
  clock: Clock,
): Promise<ServerCertificate> {
  const notBefore = new Date(clock() - 60_000);
  const notAfter = new Date(clock() + lifetimeDays * 86_400_000);
  const { certificatePem, privateKeyPem } = await issueWithNewKey(authority, {
    commonName: 'sallyport-control-plane',
    dns: names.filter((name) => isIP(name) === 0),
    ips: names.filter((name) => isIP(name) !== 0),
    usage: 'server',
    notBefore,
    notAfter,
  });
  const info = inspectCertificate(certificatePem);
  if (info === null) throw new Error('a certificate was issued that cannot be read');
  const renewAtMs = info.notBeforeMs + ((info.notAfterMs - info.notBeforeMs) * 2) / 3;
  return { certificatePem, privateKeyPem, renewAtMs };
}
