import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocuments } from '@sallyport/shared/configuration/parse';
import { expect, it } from 'vitest';
import { readKeys, signedHeaders } from './webhooks/sign.ts';

/** docs/exports.md: what it shows is tried. */
const page = readFileSync(join(import.meta.dirname, '../../../../docs/exports.md'), 'utf8');
const block = (language: string): string =>
  new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(page)?.[1] ?? '';
const secret = /`(whsec_[A-Za-z0-9+/=]{32})`/.exec(page)?.[1] ?? '';

type Verify = (headers: Record<string, string>, body: string, secret: string) => boolean;

it('verifies what is signed now, and nothing else', async () => {
  const source = encodeURIComponent(`${block('js')}\nexport { verify };`);
  const { verify } = (await import(/* @vite-ignore */ `data:text/javascript,${source}`)) as {
    verify: Verify;
  };
  const body = '{"type":"token.created"}';
  const nowSeconds = Math.floor(Date.now() / 1_000);
  const old = 'whsec_b2xkIGtleSBvbGQga2V5IG9sZCBrZXkgb2xkIGtleQ==';
  const headers = signedHeaders(readKeys(`${secret} ${old}`), 'whd_1', nowSeconds, body);
  expect(verify(headers, body, secret) && verify(headers, body, old)).toBe(true);
  expect(verify(headers, `${body} `, secret)).toBe(false);
  expect(verify({ ...headers, 'webhook-id': 'whd_2' }, body, secret)).toBe(false);
  expect(verify({ ...headers, 'webhook-signature': 'v1,' }, body, secret)).toBe(false);
  const stale = signedHeaders(readKeys(secret), 'whd_1', nowSeconds - 400, body);
  expect(verify(stale, body, secret)).toBe(false);
});

it('shows a delivery with the signature that it has', () => {
  const [, id = '', at = '', signature = '', body = ''] =
    /webhook-id: (\S+)\nwebhook-timestamp: (\d+)\nwebhook-signature: (\S+)\n\n(.*)\n/.exec(page) ??
    [];
  expect(signedHeaders(readKeys(secret), id, Number(at), body)['webhook-signature']).toBe(
    signature,
  );
});

it('shows settings that can be read', () => {
  const { documents, problems } = parseDocuments(block('yaml'), 'exports.md');
  expect(problems).toEqual([]);
  expect(documents.map(({ kind }) => kind)).toEqual(['TrustBundle', 'Settings']);
});
