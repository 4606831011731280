import { describe, expect, it } from 'vitest';
import { checkMetadata } from './metadata.ts';

const issuer = 'https://accounts.idp.test';
const metadata = {
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: 'https://oauth2.idp.test/token',
  jwks_uri: 'https://www.idp.test/certs',
};

describe('endpoints on other hosts than the issuer (row 128)', () => {
  it('are refused unless the configuration names each host', () => {
    expect(() => checkMetadata(metadata, issuer, [])).toThrow(/token_endpoint/);
    expect(() => checkMetadata(metadata, issuer, ['oauth2.idp.test'])).toThrow(/jwks_uri/);
    checkMetadata(metadata, issuer, ['oauth2.idp.test', 'www.idp.test']);
  });

  it('are taken on port 443 over https alone, and for that very host', () => {
    const hosts = ['oauth2.idp.test', 'www.idp.test'];
    for (const jwks_uri of [
      'https://www.idp.test:8443/certs',
      'http://www.idp.test/certs',
      'https://evil.www.idp.test/certs',
      'https://user:word@www.idp.test/certs',
    ]) {
      expect(() => checkMetadata({ ...metadata, jwks_uri }, issuer, hosts)).toThrow(/jwks_uri/);
    }
  });
});
