import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBundle, encodeBundle, sha256 } from './bundle.ts';
import type { ConfigurationDocument } from './documents.ts';

const policy = (name: string): ConfigurationDocument => ({
  apiVersion: 'sallyport.dev/v1',
  kind: 'Policy',
  metadata: { name },
  spec: { deny: [{ name: 'x', groups: ['b\u00e4d'] }] },
});
const settings: ConfigurationDocument = {
  kind: 'Settings',
  metadata: { name: 'default' },
  apiVersion: 'sallyport.dev/v1',
  spec: { signIn: { identityProvider: 'idp', host: 'signin.corp.example' } },
};
const documents = [settings, policy('b'), policy('a')];
const decode = (text: string) => decodeBundle(new TextEncoder().encode(text));

describe('a bundle', () => {
  it('has the same bytes for the same documents in whatever order', () => {
    const bytes = encodeBundle(documents);
    fc.assert(
      fc.property(fc.shuffledSubarray(documents, { minLength: 3 }), (shuffled) => {
        expect(encodeBundle(shuffled)).toEqual(bytes);
      }),
    );
    expect(sha256(bytes)).toHaveLength(32);
  });

  it('comes back sorted by kind and name', () => {
    const decoded = decodeBundle(encodeBundle(documents));
    expect(decoded.documents).toEqual([policy('a'), policy('b'), settings]);
  });

  it.each([
    ['nothing', ''],
    ['half of itself', '{"documents":['],
    ['a list', '[]'],
    ['a field beside the documents', '{"documents":[],"x":1}'],
    ['documents that are no list', '{"documents":{}}'],
    ['white space', '{ "documents":[]}'],
    ['a byte order mark', '\ufeff{"documents":[]}'],
    ['the documents twice', '{"documents":[],"documents":[]}'],
  ])('is refused when it is %s', (_, text) => {
    expect(() => decode(text)).toThrow(expect.objectContaining({ code: 'invalid_configuration' }));
  });

  const policyWith = (spec: string) =>
    '{"documents":[{"apiVersion":"sallyport.dev/v1","kind":"Policy",' +
    `"metadata":{"name":"a"},"spec":${spec}}]}`;
  const rules = (count: number) =>
    Array.from({ length: count }, (_none, at) => `{"groups":["a"],"name":"r${at}"}`).join(',');

  it.each([
    ['null in the place of documents', '{"documents":null}'],
    ['null in the place of a document', '{"documents":[null]}'],
    ['a document without anything', '{"documents":[{}]}'],
    ['an unknown kind', '{"documents":[{"kind":"__proto__"}]}'],
    ['null in the place of rules', policyWith('{"allow":null}')],
    ['a rule without a name', policyWith('{"allow":[{"groups":["a"]}]}')],
    ['an unknown enum', policyWith('{"allow":[{"employment":{"class":["owner"]},"name":"x"}]}')],
    ['an unknown field', policyWith('{"allow":[{"everybody":true,"name":"x"}]}')],
    ['NaN', policyWith('{"allow":[{"name":"x","risk":{"below":NaN}}]}')],
    ['infinity', policyWith('{"allow":[{"name":"x","risk":{"below":1e999}}]}')],
    ['__proto__', policyWith('{"allow":[{"__proto__":{"anonymous":true},"name":"x"}]}')],
    ['half a character', policyWith('{"allow":[{"groups":["\\ud800"],"name":"x"}]}')],
    ['text of 64 KiB', policyWith(`{"allow":[{"name":"x","when":"${'a'.repeat(65_536)}"}]}`)],
    ['10,001 rules', policyWith(`{"allow":[${rules(10_001)}]}`)],
    ['depth 100', policyWith('{"a":'.repeat(100) + '1' + '}'.repeat(100))],
    ['depth 1,000,000', '['.repeat(1_000_000) + ']'.repeat(1_000_000)],
    ['depth 1,000,000 in a document', `{"documents":[${'['.repeat(1e6)}${']'.repeat(1e6)}]}`],
  ])('row 112: is refused with %s, whoever sent it', (_, text) => {
    expect(() => decode(text)).toThrow(expect.objectContaining({ code: 'invalid_configuration' }));
  });

  it('is refused when it is not UTF-8, or too large', () => {
    expect(() => decodeBundle(Uint8Array.of(0x22, 0xff, 0x22))).toThrow('not JSON');
    expect(() => decodeBundle(new Uint8Array(4_000_000))).toThrow('too large');
    const texts = Array.from({ length: 1000 }, (_, index) => `${'x'.repeat(240)}${index}`);
    const rules = Array.from({ length: 20 }, (_, index) => ({ name: `x${index}`, groups: texts }));
    const many = [{ ...policy('large'), spec: { deny: rules } } as ConfigurationDocument];
    expect(() => encodeBundle(many)).toThrow('may have');
  });

  it('is refused with documents out of order or twice', () => {
    const text = (...list: ConfigurationDocument[]) =>
      JSON.stringify({ documents: list.map((one) => JSON.parse(JSON.stringify(one)) as unknown) });
    expect(() => decode(text(policy('b'), policy('a')))).toThrow();
    expect(() => decodeBundle(encodeBundle([policy('a'), policy('a')]))).toThrow('twice');
  });

  it('is refused with a document that is not valid, and says which', () => {
    const bytes = new TextDecoder().decode(encodeBundle(documents));
    const changed = bytes.replace('"kind":"Settings"', '"kind":"Setting"');
    try {
      decode(changed);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ problems: [{ field: '/documents/2/kind' }] });
    }
    const unknown = bytes.replace('"name":"x"', '"anonymous":true,"name":"x"');
    expect(() => decode(unknown)).toThrow('not valid');
  });
});
