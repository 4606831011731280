import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it } from 'vitest';

it('lets plain curl sign in, and refuses it everywhere within a second of a revoke', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-curl-'));
  try {
    const file = join(dir, 'stack.json');
    await writeFile(file, JSON.stringify(inject('stack')));
    const child = spawn('bash', [join(import.meta.dirname, 'curl.sh'), file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const code = await new Promise<number | null>((done) => child.on('close', done));
    expect(code, said).toBe(0);
    expect(said.match(/^ok /gm)?.length, said).toBeGreaterThanOrEqual(9);
  } finally {
    await rm(dir, { recursive: true });
  }
});
