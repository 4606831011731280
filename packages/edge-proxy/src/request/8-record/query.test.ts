import { describe, expect, it } from 'vitest';
import { recordedQuery } from './query.ts';

const kept = (query: string) => recordedQuery(query, 'keep').query;
const named = (query: string) => recordedQuery(query, 'names').query;

describe('the query in a record', () => {
  it('is left out, told by its names or kept, as the route says', () => {
    const query = '?page=2&sort=name';
    expect(recordedQuery(query, 'drop')).toEqual({ query: null, queryRedacted: true });
    expect(recordedQuery(query, 'names')).toEqual({ query: '?page&sort', queryRedacted: true });
    expect(recordedQuery(query, 'keep')).toEqual({ query, queryRedacted: false });
    for (const handling of ['drop', 'names', 'keep'] as const) {
      expect(recordedQuery('', handling)).toEqual({ query: null, queryRedacted: false });
    }
  });

  it.each([
    'token=x',
    'access_token=x',
    'Access-Token=x',
    'id_token=x',
    'code=x',
    'state=x',
    'password=x',
    'PASSWD=x',
    'X-Amz-Signature=x',
    'X-Amz-Credential=x',
    'sig=x',
    'api_key=x',
    'apiKey=x',
    'key=x',
    'client_secret=x',
    'SAMLResponse=x',
    'user%5Bpassword%5D=x',
    'pass%77ord=x',
    'pass%2577ord=x',
    'sessionid=x',
    'Sallyport-Assertion=x',
    'q=eyJhbGciOiJFUzI1NiJ9.e30.x',
    'q=0123456789abcdefghijklmnopqrstuvwxyzABCD',
    'a;token=x',
    'next=https%3A%2F%2Fapp.corp.test%2Freset%3Fa%3D1%26token%3Dx',
    'next=/done%23access_token%3Dx%25',
    'next=%252Fcb%253Fcode%253Dx',
    'pass%2577ord=x%25',
  ])('never holds the value of %s', (part) => {
    const value = part.slice(part.lastIndexOf('=') + 1);
    expect(kept(`?a=1&${part}&b=2`)).toMatch(/^\?a=1&.*\[redacted\]&b=2$/);
    expect(kept(`?${part}`)).not.toContain(`=${value}`);
  });

  it('never takes what stands without a name for one', () => {
    const secret = 'eyJhbGciOiJFUzI1NiJ9.e30.x';
    for (const tell of [kept, named]) {
      expect(tell(`?${secret}`)).toBe('?[redacted]');
      expect(tell(`?${'a'.repeat(40)}`)).toBe('?[redacted]');
      expect(tell('?debug')).toBe('?debug');
    }
  });

  it('is looked through once, whatever it is made of', () => {
    // Were each `eyJ` followed to the end again, this would take minutes.
    const value = `${'eyJ'.repeat(200_000)}!`;
    expect(recordedQuery(`?q=${value}`, 'keep').queryRedacted).toBe(true);
    expect(kept(`?q=${value}eyJhbGciOiJFUzI1NiJ9.e30.x`)).toBe('?q=[redacted]');
    expect(kept('?q=eyJ.e30&r=heyJude')).toBe('?q=eyJ.e30&r=heyJude');
  });

  it('is bounded, however long it was', () => {
    const long = `?${'a=b&'.repeat(4_000)}`;
    const wide = `?q=${'hello+world+'.repeat(2_000)}`;
    for (const query of [long, wide, `?${'n'.repeat(9_000)}=1`]) {
      for (const handling of ['names', 'keep'] as const) {
        const recorded = recordedQuery(query, handling);
        expect(recorded.query?.length).toBeLessThan(2_100);
        expect(recorded.queryRedacted).toBe(true);
      }
    }
  });
});
