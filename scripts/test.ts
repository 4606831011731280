/**
 * Runs the tests and closes with what the runner itself counted:
 * `npm test [-- --full] [-- what vitest takes]`. `--full` adds the long ones.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { closingLine, countTests } from './test-report.ts';

const root = dirname(import.meta.dirname);
const report = join(root, 'node_modules', '.cache', `test-report-${process.pid}.json`);

const args = process.argv.slice(2);
const full = args.includes('--full');
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');

await mkdir(dirname(report), { recursive: true });

const code = await new Promise<number>((done, failed) => {
  const child = spawn(
    process.execPath,
    [
      vitest,
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...args.filter((argument) => argument !== '--full'),
    ],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...(full ? { SALLYPORT_TEST_FULL: '1' } : {}) },
    },
  );
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  child.on('error', failed);
  child.on('exit', (status) => done(status ?? 1));
});

const counts = countTests(await readFile(report, 'utf8').catch(() => ''));
await rm(report, { force: true });
// A run that ended badly never reads as a good one, whatever was counted.
const failed = code !== 0 && counts.failed === 0 ? 1 : counts.failed;
console.log(`\n${closingLine({ ...counts, failed })}`);
process.exitCode = failed > 0 ? code || 1 : code;
