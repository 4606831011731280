import { describe, expect, it } from 'vitest';
import { createAuthority, issueWithNewKey } from './issue.ts';
import { certificateDer } from './pem.ts';
import { isSpiffeId } from './spiffe.ts';
import { isServerOf } from './spiffe-server.ts';

const id = 'spiffe://corp.example/wiki';

describe('a certificate of a SPIFFE ID', async () => {
  const authority = await createAuthority({ name: 'Upstreams', days: 10 });
  const server = async (uris: readonly string[], more: object = {}) => {
    const order = { commonName: 'wiki', uris, usage: 'server', days: 5, ...more } as const;
    return (await issueWithNewKey(authority, order)).certificateDer;
  };

  it('has this one URI, whatever names are beside it', async () => {
    expect(isServerOf(await server([id]), id)).toBe(true);
    expect(isServerOf(await server([id], { dns: ['wiki.corp.example'] }), id)).toBe(true);
  });

  it.each([
    ['none', []],
    ['another', ['spiffe://corp.example/ledger']],
    ['one that begins alike', [`${id}2`]],
    ['two', [id, 'spiffe://corp.example/ledger']],
  ])('is not one with %s', async (_name, uris) => {
    expect(isServerOf(await server(uris, { dns: ['wiki.corp.example'] }), id)).toBe(false);
  });

  it('is of a server, and of no authority, and can be read', async () => {
    expect(isServerOf(await server([id], { usage: 'client' }), id)).toBe(false);
    expect(isServerOf(certificateDer(authority.certificatePem) ?? new Uint8Array(), id)).toBe(
      false,
    );
    expect(isServerOf(new Uint8Array([0x30, 0x00]), id)).toBe(false);
  });
});

describe('a SPIFFE ID', () => {
  it.each([
    [id, true],
    ['spiffe://corp.example', false],
    ['spiffe:///wiki', false],
    ['spiffe://corp.example/', false],
    ['spiffe://corp.example/a//b', false],
    ['spiffe://corp.example/a/..', false],
    ['spiffe://corp.example/a b', false],
    ['https://corp.example/wiki', false],
    [`spiffe://corp.example/${'a'.repeat(2_048)}`, false],
  ])('%j: %j', (text, wanted) => {
    expect(isSpiffeId(text)).toBe(wanted);
  });
});
