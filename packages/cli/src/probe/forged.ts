import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { assertionAlgorithm, assertionType } from '@sallyport/shared/assertion/claims';

const lifeSeconds = 120;

/** Makes assertions that are right but for their signature, which is by a key that nobody knows. */
export function createForger(): (audience: string) => string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return (audience) => {
    const now = Math.floor(Date.now() / 1000);
    const header = {
      alg: assertionAlgorithm,
      typ: assertionType,
      kid: 'forged-by-sallyport-probe',
    };
    const claims = {
      iss: audience,
      aud: audience,
      sub: 'usr_forged_by_sallyport_probe',
      email: 'forged-by-sallyport-probe@example.invalid',
      groups: [],
      sid: 'ses_forged_by_sallyport_probe',
      amr: ['pwd', 'hwk'],
      jti: randomUUID(),
      iat: now,
      exp: now + lifeSeconds,
    };
    const text = [header, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const signature = sign('sha256', Buffer.from(text), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    return `${text}.${signature.toString('base64url')}`;
  };
}
