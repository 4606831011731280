import { describe, expect, it } from 'vitest';
import { CookieJar } from './cookie-jar.ts';

const wiki = new URL('https://wiki.corp.localhost:8443/a');

describe('the cookie jar', () => {
  it('gives a cookie back to its host alone, whatever the port', () => {
    const jar = new CookieJar();
    jar.store(wiki, ['__Host-a=1; Path=/; Secure; HttpOnly']);
    expect(jar.header(new URL('https://wiki.corp.localhost:9999/'))).toBe('__Host-a=1');
    expect(jar.header(new URL('https://corp.localhost/'))).toBeNull();
    expect(jar.header(new URL('https://reports.fin.localhost:8443/'))).toBeNull();
  });

  it('replaces a cookie of the same name and path and forgets one that is gone', () => {
    const jar = new CookieJar();
    jar.store(wiki, ['a=1; Path=/', 'b=2; Path=/']);
    jar.store(wiki, ['a=3; Path=/', 'b=; Path=/; Max-Age=0']);
    expect(jar.header(wiki)).toBe('a=3');
    jar.store(wiki, ['a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT']);
    expect(jar.header(wiki)).toBeNull();
  });

  it('keeps to paths', () => {
    const jar = new CookieJar();
    jar.store(wiki, ['a=1; Path=/a']);
    expect(jar.header(new URL('/a/b', wiki))).toBe('a=1');
    expect(jar.header(new URL('/ab', wiki))).toBeNull();
  });
});
