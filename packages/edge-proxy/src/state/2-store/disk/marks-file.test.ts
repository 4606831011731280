import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newKeyFileText, parseKeyFile } from '@sallyport/shared/seal';
import { expect, onTestFinished, test } from 'vitest';
import { deriveDiskKeys } from './disk-keys.ts';
import { noMarks } from './marks.ts';
import { MarksFile } from './marks-file.ts';
import { at, sampleEdgeId, sampleRoot } from './testing/sample-disk.ts';

test('marks that are raised by two at once are raised by both', async () => {
  const home = await mkdtemp(join(tmpdir(), 'sallyport-marks-'));
  onTestFinished(() => rm(home, { recursive: true }));
  const keys = deriveDiskKeys(parseKeyFile(newKeyFileText()), sampleEdgeId, sampleRoot);
  const file = new MarksFile(join(home, 'marks'), keys, noMarks);
  const lanes = { ...noMarks.lanes, revoke: { highest: at(7), asOf: null } };
  await Promise.all([
    file.raise({ lanes, carried: 0 }),
    file.raise({ lanes: noMarks.lanes, carried: 3 }),
  ]);
  await file.close();
  expect(file.marks).toMatchObject({ sequence: 2, carried: 3, lanes });
});
