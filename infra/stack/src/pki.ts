import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, issueWithNewKey } from '@sallyport/shared/pki/issue';
import { hosts, signInHost } from './people.ts';

/** Files of the certificates that servers of the stack show to browsers and to each other. */
export interface StackPki {
  /** The authority of all of them. */
  readonly ca: string;
  readonly caPem: string;
  /** `certificate:key` pairs as SALLYPORT_TLS_CERTIFICATES takes them. */
  readonly edges: string;
  readonly idp: KeyPairFiles;
  readonly upstream: KeyPairFiles;
  readonly nats: KeyPairFiles;
}

interface KeyPairFiles {
  readonly cert: string;
  readonly key: string;
}

const days = 30;

/** Makes one authority for this stack and server certificates for every name it serves. */
export async function createPki(dir: string): Promise<StackPki> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const authority = await createAuthority({ name: 'Sallyport development web CA', days });
  const server = async (name: string, dns: readonly string[]): Promise<KeyPairFiles> => {
    const issued = await issueWithNewKey(authority, {
      commonName: dns[0] ?? name,
      dns,
      ips: ['127.0.0.1'],
      usage: 'server',
      days,
    });
    const files = { cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key.pem`) };
    await Promise.all([
      writeFile(files.cert, issued.certificatePem),
      writeFile(files.key, issued.privateKeyPem, { mode: 0o600 }),
    ]);
    return files;
  };
  const ca = join(dir, 'web-ca.pem');
  const [corp, fin, idp, upstream, nats] = await Promise.all([
    // One name each, besides the star: some clients take no star right under a top-level name.
    server('corp', [hosts.wiki, hosts.admin, signInHost, '*.corp.localhost']),
    server('fin', [hosts.reports, '*.fin.localhost']),
    server('idp', ['idp.localhost']),
    server('upstream', ['upstream.localhost', 'localhost']),
    server('nats', ['localhost']),
    writeFile(ca, authority.certificatePem),
  ]);
  return {
    ca,
    caPem: authority.certificatePem,
    edges: [corp, fin].map(({ cert, key }) => `${cert}:${key}`).join(','),
    idp,
    upstream,
    nats,
  };
}
