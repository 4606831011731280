import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createPlainServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { createAuthority, issueWithNewKey } from '@sallyport/shared/pki/issue';
import { afterEach, describe, expect, it } from 'vitest';
import { connectionTrouble } from './connection-trouble.ts';

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function listening(server: Server) {
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `localhost:${(server.address() as AddressInfo).port}`;
}

async function tlsServer(ALPNProtocols: string[], dns = 'localhost') {
  const authority = await createAuthority({ name: 'test', days: 1 });
  const issued = await issueWithNewKey(authority, {
    commonName: dns,
    dns: [dns],
    usage: 'server',
    days: 1,
  });
  const server = createTlsServer({
    cert: issued.certificatePem,
    key: issued.privateKeyPem,
    ALPNProtocols,
  });
  server.on('tlsClientError', () => undefined);
  return { ca: authority.certificatePem, address: await listening(server) };
}

describe('what is in the way of a control plane', () => {
  it('is named where nothing listens or another protocol is spoken', async () => {
    const { ca } = await tlsServer(['h2']);
    const plain = await listening(createServer());
    expect(await connectionTrouble(plain, ca)).toContain('is the port right?');
    const closed = createPlainServer();
    const address = await listening(closed);
    closed.close();
    await once(closed, 'close');
    expect(await connectionTrouble(address, ca)).toContain('nothing listens there');
  });

  it('is named where the certificate is of another authority or for another name', async () => {
    const own = await tlsServer(['h2']);
    const stranger = await tlsServer(['h2']);
    const renamed = await tlsServer(['h2'], 'other.corp.test');
    expect(await connectionTrouble(stranger.address, own.ca)).toContain('authority');
    expect(await connectionTrouble(renamed.address, renamed.ca)).toContain('another name');
  });

  it('is nothing where gRPC can be spoken, and not gRPC where HTTP/2 is not', async () => {
    const good = await tlsServer(['h2']);
    expect(await connectionTrouble(good.address, good.ca)).toContain('can be reached');
    const other = await tlsServer(['http/1.1']);
    expect(await connectionTrouble(other.address, other.ca)).not.toContain('can be reached');
  });
});
