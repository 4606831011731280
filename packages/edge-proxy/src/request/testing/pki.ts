import { createHash } from 'node:crypto';
import {
  type Authority,
  type CertificateOrder,
  createAuthority,
  issueWithNewKey,
} from '@sallyport/shared/pki/issue';
import { deviceUri } from '@sallyport/shared/pki/spiffe';

/** A certificate with its key, PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
  readonly sha256: string;
}

export const trustDomain = 'corp.test';

/** The authorities of a small company, real ones. */
export class TestPki {
  readonly server: Authority;
  readonly device: Authority;
  readonly upstream: Authority;
  readonly edge: Authority;

  constructor(server: Authority, device: Authority, upstream: Authority, edge: Authority) {
    this.server = server;
    this.device = device;
    this.upstream = upstream;
    this.edge = edge;
  }

  static async create(): Promise<TestPki> {
    const [server, device, upstream, edge] = await Promise.all([
      createAuthority({ name: 'Servers', days: 10 }),
      createAuthority({ name: 'Devices', days: 10 }),
      createAuthority({ name: 'Upstreams', days: 10 }),
      createAuthority({ name: 'Edges', days: 10 }),
    ]);
    return new TestPki(server, device, upstream, edge);
  }

  async servers(...dns: string[]): Promise<Identity> {
    return issue(this.server, { commonName: dns[0] ?? 'server', dns, usage: 'server', days: 5 });
  }

  /** A device certificate; `id` stands in it as a URI. */
  async deviceNamed(id: string, order: Partial<CertificateOrder> = {}): Promise<Identity> {
    return issue(this.device, {
      commonName: id,
      uris: [deviceUri(trustDomain, id)],
      usage: 'client',
      days: 5,
      ...order,
    });
  }
}

export async function issue(authority: Authority, order: CertificateOrder): Promise<Identity> {
  const issued = await issueWithNewKey(authority, order);
  return {
    cert: issued.certificatePem,
    key: issued.privateKeyPem,
    sha256: createHash('sha256').update(issued.certificateDer).digest('hex'),
  };
}
