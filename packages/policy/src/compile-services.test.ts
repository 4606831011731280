import { describe, expect, test } from 'vitest';
import { compileServices, type Services } from './compile-services.ts';
import { PolicyCompileError, type PolicyProblem, Problems } from './problems.ts';

function compiled(value: unknown): { services: Services; problems: readonly PolicyProblem[] } {
  const problems = new Problems();
  const services = compileServices(value, { field: '/services', problems });
  try {
    problems.throwIfAny();
    return { services, problems: [] };
  } catch (error) {
    if (error instanceof PolicyCompileError) return { services, problems: error.problems };
    throw error;
  }
}

const runner = { name: 'runner', devices: ['d-1', 'd-2'] };

describe('service identities', () => {
  test('each of their devices stands for one', () => {
    const { services, problems } = compiled([runner, { name: 'backup', devices: ['d-3'] }]);
    expect(problems).toEqual([]);
    expect([...services.byDevice]).toEqual([
      ['d-1', 'runner'],
      ['d-2', 'runner'],
      ['d-3', 'backup'],
    ]);
  });

  test.each<[string, unknown, string]>([
    ['no list', {}, '/services'],
    ['null', [null], '/services/0'],
    ['no devices', [{ ...runner, devices: [] }], '/services/0/devices'],
    ['a device without a name', [{ ...runner, devices: [''] }], '/services/0/devices/0'],
    ['a hole', [{ ...runner, devices: Array.from({ length: 1 }) }], '/services/0/devices/0'],
    ['a name with a slash', [{ ...runner, name: 'a/b' }], '/services/0/name'],
    ['a field of another version', [{ ...runner, spiffe: 'x' }], '/services/0/spiffe'],
    ['two of one name', [runner, { ...runner, devices: ['d-3'] }], '/services/1/name'],
    [
      'a device that stands for two',
      [runner, { name: 'b', devices: ['d-2'] }],
      '/services/1/devices',
    ],
  ])('%s is refused', (_title, value, field) => {
    expect(compiled(value).problems.map((problem) => problem.field)).toEqual([field]);
  });
});
