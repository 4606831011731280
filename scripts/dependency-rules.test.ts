import { describe, expect, it } from 'vitest';
import { brokenRules, dependencyProblems, specifiersOf } from './dependency-rules.ts';

describe('what may not know what', () => {
  it('is respected by every file of the repository', () => {
    expect(dependencyProblems()).toEqual([]);
  });

  const edge = 'packages/edge-proxy/src';
  it.each([
    ['packages/policy/src/decide.ts', 'node:fs'],
    ['packages/policy/src/decide.ts', 're2js'],
    ['packages/policy/src/regex.ts', 'node:fs'],
    ['packages/policy/src/decide.ts', '@sallyport/shared/clock'],
    ['packages/shared/src/log.ts', '@sallyport/proto'],
    ['packages/proto/src/grpc.ts', '@sallyport/control-plane/main'],
    [`${edge}/main.ts`, '@sallyport/control-plane/main'],
    [`${edge}/main.ts`, '../../control-plane/src/main.ts'],
    ['packages/control-plane/src/main.ts', '@sallyport/edge-proxy/main'],
    ['packages/cli/src/main.ts', '@sallyport/proto'],
    ['packages/cli/src/main.test.ts', '@sallyport/control-plane/main'],
    [`${edge}/request/path.ts`, '../state/3-index/devices.ts'],
    [`${edge}/state/3-index/devices.ts`, '../../request/path.ts'],
    [`${edge}/request/5-decide/facts.ts`, '../4-session/cookie.ts'],
    [`${edge}/request/respond.ts`, 'node:http'],
    [`${edge}/request/8-record/record.ts`, '../client/http1.ts'],
    [`${edge}/request/own/callback.ts`, 'undici'],
    [`${edge}/state/1-sync/client.ts`, '@grpc/grpc-js'],
    [`${edge}/request/own/callback.ts`, 'openid-client'],
    ['packages/control-plane/src/admin/users.ts', 'pg'],
    ['packages/control-plane/src/admin/users.ts', 'drizzle-orm/node-postgres'],
    ['packages/edge-proxy/src/config.ts', '@peculiar/x509'],
    ['packages/shared/src/clock.ts', 'vitest'],
    ['packages/cli/src/main.ts', '@sallyport/stack'],
  ])('refuses %s importing %s', (path, specifier) => {
    expect(brokenRules(path, `import { x } from '${specifier}';`).length).toBeGreaterThan(0);
  });

  it.each([
    ['packages/policy/src/decide.ts', './reasons.ts'],
    ['packages/policy/src/regex.ts', 're2js'],
    [`${edge}/request/path.ts`, '../state/current.ts'],
    [`${edge}/request/1-listen/http1.ts`, '../client/http1.ts'],
    [`${edge}/request/respond.ts`, './client/exchange.ts'],
    [`${edge}/request/7-forward/pool.ts`, 'undici'],
    [`${edge}/request/5-decide/facts.ts`, '../exchange.ts'],
    ['packages/control-plane/src/store/database.ts', 'pg'],
    ['packages/control-plane/src/admin/users.test.ts', 'pg'],
    ['packages/shared/src/pki/issue.ts', '@peculiar/x509'],
  ])('lets %s import %s', (path, specifier) => {
    expect(brokenRules(path, `import { x } from '${specifier}';`)).toEqual([]);
  });

  it('sees every way to import', () => {
    const source = [
      `import 'a';`,
      `import type { B } from "b";`,
      `import {`,
      `  c,`,
      `} from 'c';`,
      `export * from 'd';`,
      `const e = await import('e');`,
      `// import 'not';`,
      `/* import 'neither'; */`,
    ].join('\n');
    expect(specifiersOf(source).sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});
