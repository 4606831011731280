import { setTimeout as wait } from 'node:timers/promises';
import { type Api, apiPath } from './client/api.ts';
import { orNotFound } from './client/failures.ts';
import { readPage } from './client/pages.ts';
import {
  type Json,
  readObject,
  readObjects,
  readText,
  show,
  showDuration,
  showTime,
  showValue,
} from './client/reading.ts';
import { type Exit, Failure } from './exit.ts';
import type { Output } from './output/output.ts';
import { fields, table } from './output/table.ts';

const pollMs = 1_000;

/** Lets a candidate go out, ring by ring. */
export async function startRollout(api: Api, version: unknown, confirm: boolean): Promise<Json> {
  const body = { version, ...(confirm && { confirm }) };
  const { body: answer } = await orNotFound(
    api.send('POST', apiPath('rollouts'), body),
    `there is no version ${showValue(version)}`,
  );
  return readObject(answer, 'the rollout');
}

/** The rollout with this id; without one the newest. */
export async function findRollout(api: Api, id: string | undefined): Promise<Json> {
  if (id !== undefined) {
    const found = await orNotFound(api.get(apiPath('rollouts', id)), `there is no rollout ${id}`);
    return readObject(found, 'the rollout');
  }
  const { items } = await readPage(api, apiPath('rollouts'), { limit: 1 });
  const [newest] = items;
  if (newest === undefined) throw new Failure('not_found', 'there was no rollout yet');
  return newest;
}

/**
 * Follows a rollout until it is over or the user interrupts, and tells each change of it. Ends with
 * `failed` where it was rolled back.
 */
export async function followRollout(
  api: Api,
  first: Json,
  output: Output,
  interrupt: AbortSignal,
): Promise<{ readonly rollout: Json; readonly exit: Exit }> {
  let rollout = first;
  let said = '';
  while (!interrupt.aborted) {
    const now = oneLine(rollout);
    if (now !== said) output.note(now);
    said = now;
    if (isOver(rollout)) break;
    await wait(pollMs, undefined, { signal: interrupt }).catch(() => undefined);
    if (!interrupt.aborted) rollout = await findRollout(api, readText(rollout, 'id'));
  }
  return { rollout, exit: rollout['state'] === 'rolled_back' ? 'failed' : 'ok' };
}

function isOver({ state }: Json): boolean {
  return state === 'done' || state === 'rolled_back';
}

function oneLine(rollout: Json): string {
  const ring = rollout['stage'] === null ? '' : ` ${show(stageOf(rollout), 'ring')}`;
  const why = show(rollout, 'reason') || show(rollout, 'waiting');
  return `${show(rollout, 'state')}${ring}${why === '' ? '' : `: ${why}`}`;
}

/** One rollout for a person. */
export function describeRollout(rollout: Json): string {
  const stage = stageOf(rollout);
  const head = fields([
    ['Rollout', show(rollout, 'id')],
    ['Version', `${show(rollout, 'version')} (after ${show(rollout, 'base')})`],
    ['State', show(rollout, 'state').replace('_', ' ')],
    ['Ring', show(stage, 'ring')],
    ['Enforced', showTime(stage, 'enforcedAt')],
    ['Bakes until', showTime(stage, 'bakeUntil')],
    ['Waiting', show(rollout, 'waiting')],
    ['Reason', show(rollout, 'reason')],
    ['Started', `${showTime(rollout, 'startedAt')} by ${show(rollout, 'startedBy')}`],
    ['Ended', showTime(rollout, 'endedAt')],
  ]);
  return `${head}\n${table(ringColumns, readObjects(rollout, 'rings'))}`;
}

const ringColumns = [
  { heading: 'RING', cell: (ring: Json) => show(ring, 'name') },
  { heading: 'STATE', cell: (ring: Json) => show(ring, 'state').replace('_', ' ') },
  { heading: 'BAKE', cell: (ring: Json) => bakeOf(ring) },
  { heading: 'DENIED', cell: (ring: Json) => shareOf(ring, 'denied', 'decided') },
  { heading: 'OTHERS', cell: (ring: Json) => shareOf(ring, 'controlDenied', 'controlDecided') },
];

/** The ring that a rollout is in; undefined: it is over. */
export function ringOf(rollout: Json): string | undefined {
  const { ring } = stageOf(rollout);
  return typeof ring === 'string' ? ring : undefined;
}

function bakeOf({ bakeSeconds }: Json): string {
  return typeof bakeSeconds === 'number' && bakeSeconds > 0 ? showDuration(bakeSeconds * 1000) : '';
}

function shareOf(ring: Json, part: string, whole: string): string {
  const [some, all] = [ring[part], ring[whole]];
  return typeof some === 'number' && typeof all === 'number' ? `${some} of ${all}` : '';
}

function stageOf({ stage }: Json): Json {
  return typeof stage === 'object' && stage !== null ? (stage as Json) : {};
}
