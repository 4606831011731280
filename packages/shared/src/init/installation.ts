import { createPrivateKey } from 'node:crypto';
import { isIP } from 'node:net';
import { SallyportError } from '../errors.ts';
import { rotateCookieRing } from '../keys/cookie-ring.ts';
import { newEd25519KeyPair, publicKeyFromRaw } from '../keys/ed25519.ts';
import { signKey } from '../keys/root.ts';
import { firstSigningKeys } from '../keys/signing-key.ts';
import { newToken } from '../keys/tokens.ts';
import { type Authority, createAuthority, issueWithNewKey } from '../pki/issue.ts';
import { isPlainDnsName } from '../pki/names.ts';
import { isTrustDomain } from '../pki/spiffe.ts';
import { newKeyFileText, parseKeyFile } from '../seal.ts';
import { keyFile, type Seed, seedFile, writeSeed } from './seed.ts';

/** What `sallyport init` makes. Nothing is written here. */

export interface InstallationFile {
  /** Relative, with slashes. */
  readonly path: string;
  /** 0o600 for what is secret, 0o644 for the rest. */
  readonly mode: number;
  readonly contents: string;
}

export interface Installation {
  readonly files: readonly InstallationFile[];
  readonly ownerToken: string;
}

export interface InstallationOptions {
  readonly trustDomain: string;
  /** Names and addresses of the admin API. Default: localhost and 127.0.0.1. */
  readonly adminHosts?: readonly string[];
  /** Life of the authorities. */
  readonly days?: number;
  readonly nowMs: number;
}

const dayMs = 86_400_000;
const skewMs = 60_000;
const authorityDays = 3650;
/** Of the admin API's certificate, which is replaced before. */
const leafDays = 397;

const secret = 0o600;
const open = 0o644;

/**
 * Makes all keys, authorities and the first owner token of an installation. Throws SallyportError
 * `invalid_request` for a trust domain or host that cannot be in a certificate.
 */
export async function createInstallation(options: InstallationOptions): Promise<Installation> {
  const { trustDomain, adminHosts = [], days = authorityDays, nowMs } = options;
  const hosts = adminHosts.length === 0 ? ['localhost', '127.0.0.1'] : adminHosts;
  refuse(trustDomain, hosts, days);
  const root = newEd25519KeyPair();
  const rootPrivateKey = createPrivateKey(root.privateKeyPem);
  const owner = newToken('adm');
  const keyFileText = newKeyFileText();
  const authorities = await createAuthorities(trustDomain, lifetime(nowMs, days));
  const seed: Seed = {
    trustDomain,
    createdAtMs: nowMs,
    rootPublicKey: root.publicKey,
    authorities,
    signingKeys: firstSigningKeys(nowMs).map(({ fields, privateKeyPem }) => ({
      key: signKey(fields, rootPrivateKey),
      privateKeyPem,
    })),
    ownerTokenSha256: owner.sha256,
    cookieRing: rotateCookieRing(null),
  };
  const server = await issueWithNewKey(authorities.admin, {
    commonName: 'sallyport admin',
    dns: hosts.filter((host) => isIP(host) === 0),
    ips: hosts.filter((host) => isIP(host) !== 0),
    usage: 'server',
    ...lifetime(nowMs, Math.min(days, leafDays)),
  });
  const files = [
    file('root.key.pem', secret, root.privateKeyPem),
    file('root.pub.pem', open, publicKeyPem(root.publicKey)),
    file(keyFile, secret, keyFileText),
    file(seedFile, secret, writeSeed(seed, parseKeyFile(keyFileText))),
    ...Object.entries(authorities).map(([name, { certificatePem }]) =>
      file(`ca/${name}.pem`, open, certificatePem),
    ),
    file('admin/server.pem', open, server.certificatePem),
    file('admin/server.key.pem', secret, server.privateKeyPem),
    file('owner-token', secret, `${owner.token}\n`),
  ];
  return { files, ownerToken: owner.token };
}

interface Span {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

async function createAuthorities(trustDomain: string, span: Span): Promise<Seed['authorities']> {
  const create = (use: string): Promise<Authority> =>
    createAuthority({ name: commonName(`Sallyport ${use} CA`, trustDomain), ...span });
  return {
    edge: await create('edge'),
    upstream: await create('upstream'),
    device: await create('device'),
    admin: await create('admin'),
  };
}

function lifetime(nowMs: number, days: number): Span {
  return { notBefore: new Date(nowMs - skewMs), notAfter: new Date(nowMs + days * dayMs) };
}

/** A common name has 64 characters at the most; the trust domain is there for people only. */
function commonName(use: string, trustDomain: string): string {
  return `${use} ${trustDomain}`.slice(0, 64);
}

function publicKeyPem(raw: Uint8Array): string {
  return publicKeyFromRaw(raw)?.export({ type: 'spki', format: 'pem' }) ?? '';
}

function file(path: string, mode: number, contents: string): InstallationFile {
  return { path, mode, contents };
}

function refuse(trustDomain: string, hosts: readonly string[], days: number): void {
  const problems = [
    ...(isTrustDomain(trustDomain)
      ? []
      : [{ field: 'trustDomain', message: 'must be a DNS name in lower case' }]),
    ...hosts
      .filter((host) => isIP(host) === 0 && !isPlainDnsName(host))
      .map((host) => ({ field: 'adminHosts', message: `${host} is not a host name or address` })),
    ...(Number.isSafeInteger(days) && days >= 1 && days <= 36_500
      ? []
      : [{ field: 'days', message: 'must be a whole number from 1 to 36500' }]),
  ];
  if (problems.length === 0) return;
  const detail = problems.map(({ field, message }) => `${field}: ${message}`).join('; ');
  throw new SallyportError('invalid_request', detail, { problems });
}
