import { describe, expect, it } from 'vitest';
import { headerFacts } from './header-facts.ts';

describe('the headers of a decision', () => {
  const lines = ['X-Role', 'admin', 'Cookie', 'secret', 'x-role', '', '__proto__', 'polluted'];

  it('are those that conditions name, in lower case, each line of its own', () => {
    expect(headerFacts(lines, ['x-role', 'x-team'])).toEqual({ 'x-role': ['admin', ''] });
  });

  it('are none where no condition names one', () => {
    expect(headerFacts(lines, [])).toEqual({});
  });

  it('can have any name that a client may send', () => {
    const facts = headerFacts(lines, ['__proto__', 'constructor']);
    expect(Object.entries(facts)).toEqual([['__proto__', ['polluted']]]);
    expect(Object.getPrototypeOf(facts)).toBe(Object.prototype);
    expect(JSON.stringify(facts)).toBe('{"__proto__":["polluted"]}');
  });
});
