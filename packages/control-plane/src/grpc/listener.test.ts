import { once } from 'node:events';
import { connect } from 'node:tls';
import { systemClock } from '@sallyport/shared/clock';
import { inspectCertificate } from '@sallyport/shared/pki/certificate';
import { createAuthority } from '@sallyport/shared/pki/issue';
import { describe, expect, it } from 'vitest';
import { testLog } from '../testing/database.ts';
import { listenGrpc } from './listener.ts';
import { issueServerCertificate } from './server-certificate.ts';

describe("the control plane's own certificate", () => {
  it('is replaced without closing connections; new ones see the new one', async () => {
    const authority = await createAuthority({ name: 'edges', days: 30 });
    const names = ['localhost', '127.0.0.1'];
    const certificate = await issueServerCertificate(authority, names, systemClock);
    const listener = await listenGrpc({
      listen: { host: '127.0.0.1', port: 0 },
      certificate,
      clientAuthorities: [authority.certificatePem],
      edgeIdOf: () => null,
      onConnection: (socket) => socket.resume(),
      log: testLog,
    });
    const open = async () => {
      const { port } = listener.address;
      const options = { port, host: '127.0.0.1', servername: 'localhost', ALPNProtocols: ['h2'] };
      const socket = connect({ ...options, ca: authority.certificatePem });
      await once(socket, 'secureConnect');
      return socket;
    };
    const first = await open();
    expect(first.getPeerX509Certificate()?.toString()).toContain(certificate.certificatePem.trim());
    const next = await issueServerCertificate(authority, names, systemClock);
    listener.setCertificate(next);
    const second = await open();
    expect(second.getProtocol()).toBe('TLSv1.3');
    expect(second.getPeerX509Certificate()?.toString()).toContain(next.certificatePem.trim());
    expect(first.destroyed).toBe(false);
    first.destroy();
    second.destroy();
    await listener.close();
  });

  it('names what it was told to, is for servers alone, and is renewed at two thirds', async () => {
    const authority = await createAuthority({ name: 'edges', days: 30 });
    const nowMs = Date.parse('2026-06-01T00:00:00Z');
    const issued = await issueServerCertificate(authority, ['cp.corp.example', '::1'], () => nowMs);
    const info = inspectCertificate(issued.certificatePem);
    expect(info?.dnsNames).toEqual(['cp.corp.example']);
    expect(info?.hasClientAuth).toBe(false);
    expect(info?.uris).toEqual([]);
    const life = (info?.notAfterMs ?? 0) - (info?.notBeforeMs ?? 0);
    expect(issued.renewAtMs).toBe((info?.notBeforeMs ?? 0) + (life * 2) / 3);
  });
});
