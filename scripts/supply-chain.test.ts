import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isBelow } from './floors.mjs';
import { readSupplyChain, type SupplyChain, supplyChainProblems } from './supply-chain.ts';

const root = join(import.meta.dirname, '..');
const real = readSupplyChain(root);
const problems = (change: Partial<SupplyChain>) => supplyChainProblems({ ...real, ...change });

describe('where dependencies come from (abuse row 148)', () => {
  it('is in order in this repository', () => {
    expect(supplyChainProblems(real)).toEqual([]);
  });

  it.each([
    ['a git dependency', 'resolution: {type: git, repo: https://example.com/x.git, commit: abc}'],
    ['a tarball', 'resolution: {tarball: https://example.com/x.tgz}'],
    ['a tarball with a hash', 'resolution: {integrity: sha512-AA==, tarball: https://e.com/x.tgz}'],
    ['a weak hash', 'resolution: {integrity: sha1-AA==}'],
    ['a folder', 'resolution: {directory: ../x, type: directory}'],
  ])('refuses %s', (_, line) => {
    const lock = real.lock.replace(/resolution: .*/, line);
    expect(problems({ lock })).toEqual([expect.stringContaining('not from the registry')]);
  });

  it('refuses a shorter release age than a week, or none', () => {
    const shorter = real.workspace.replace(/minimumReleaseAge: \d+/, 'minimumReleaseAge: 10079');
    const none = real.workspace.replace(/minimumReleaseAge: \d+/, '');
    for (const workspace of [shorter, none]) {
      expect(problems({ workspace })).toEqual([expect.stringContaining('minimumReleaseAge')]);
    }
  });

  it.each(['blockExoticSubdeps', 'strictDepBuilds', 'trustPolicy'])('refuses no %s', (name) => {
    const workspace = real.workspace.replace(new RegExp(`^${name}:.*$`, 'm'), '');
    expect(problems({ workspace })).toEqual([expect.stringContaining(name)]);
  });

  it('refuses an install script that nobody allowed in both places', () => {
    const workspace = real.workspace.replace(
      'onlyBuiltDependencies:\n',
      'onlyBuiltDependencies:\n  - left-pad\n',
    );
    expect(problems({ workspace })).toEqual([expect.stringContaining('left-pad')]);
  });

  it('refuses a package manager that is not pinned', () => {
    for (const manifest of [{}, { packageManager: 'pnpm@10' }, { packageManager: 'yarn@4.0.0' }]) {
      expect(problems({ manifest })).toEqual([expect.stringContaining('packageManager')]);
    }
  });
});

describe('the floor under versions (abuse row 149)', () => {
  it.each(Object.keys(real.floors.packages))('refuses an old %s', (name) => {
    const lock = `${real.lock.slice(0, real.lock.indexOf('\nsnapshots:'))}
  '${name}@0.0.1':
    resolution: {integrity: sha512-AA==}

snapshots:
`;
    expect(problems({ lock })).toEqual([expect.stringContaining(`${name} 0.0.1 is below`)]);
  });

  it('refuses an old Node.js', () => {
    expect(problems({ node: '26.5.0' })).toEqual([expect.stringContaining('Node.js 26.5.0')]);
  });

  it('knows a floor for each major version', () => {
    const floors = ['22.23.2', '24.18.1', '26.5.1'];
    const below = ['22.23.1', '24.0.0', '20.99.99', '26.5.0', '25.9.9'];
    const fine = ['22.23.2', '22.24.0', '24.18.1', '26.5.1', '27.0.0'];
    expect(below.filter((version) => !isBelow(version, floors))).toEqual([]);
    expect(fine.filter((version) => isBelow(version, floors))).toEqual([]);
  });

  it('is held by every start', async () => {
    const copy = await mkdtemp(join(tmpdir(), 'sallyport-floors-'));
    const files = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml'];
    await mkdir(join(copy, 'node_modules', '.bin'), { recursive: true });
    await cp(import.meta.dirname, join(copy, 'scripts'), { recursive: true });
    for (const file of files) await cp(join(root, file), join(copy, file));
    const node = basename(dirname(dirname(process.execPath)));
    await symlink(dirname(dirname(process.execPath)), join(copy, 'node_modules', node));
    const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
    for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) {
      hash.update(await readFile(join(copy, file)));
    }
    await writeFile(join(copy, 'node_modules', '.sallyport-setup'), hash.digest('hex'));
    await writeFile(join(copy, 'entry.ts'), 'console.log("started");');
    const start = () =>
      spawnSync(process.execPath, [join(copy, 'scripts', 'bootstrap.mjs'), 'entry.ts'], {
        encoding: 'utf8',
      });
    try {
      expect(start()).toMatchObject({ status: 0, stdout: 'started\n' });
      const packages = { ...real.floors.packages, undici: ['99.0.0'] };
      await writeFile(
        join(copy, 'scripts', 'floors.json'),
        JSON.stringify({ ...real.floors, packages }),
      );
      const refused = start();
      expect(refused).toMatchObject({ status: 1, stdout: '' });
      expect(refused.stderr).toMatch(/undici \S+ is below 99\.0\.0/);
    } finally {
      await rm(copy, { recursive: true });
    }
  });
});
