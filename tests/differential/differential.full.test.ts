import { beforeAll, describe, expect, it } from 'vitest';
import { type Case, readCorpus } from './corpus.ts';
import { othersAreThere } from './parties.ts';
import {
  extent,
  type Outcome,
  type Run,
  refusedByBoth,
  runCorpus,
  stricterThanEdge,
} from './run.ts';
import { tableOf } from './table.ts';

let run: Run;
beforeAll(async () => {
  if (!othersAreThere) return;
  run = await runCorpus(readCorpus());
  console.log(tableOf(run.outcomes));
}, 600_000);

/** What was sent and what each answered, for whoever looks at a failure. */
function shown({ case: one, answered, received }: Outcome): string {
  const said = Object.entries(answered).map(
    ([name, text]) => `${name} ${statusOf(text, one)} ${extent(received[name as 'edge'])}`,
  );
  const sent = one.fields === null ? one.bytes : one.fields.head.map((field) => field.join('='));
  return `${one.name} (${said.join(', ')}): ${JSON.stringify(sent)}`;
}

function statusOf(answered: string, { fields }: Case): string {
  if (answered === '') return '-';
  if (fields !== null) return 'frames';
  return /^HTTP\/1\.[01] ([0-9]{3})/.exec(answered)?.[1] ?? 'text';
}

describe.skipIf(!othersAreThere)('odd requests at the edge, nginx and HAProxy', () => {
  it('nothing reaches the upstream through the edge that both others refuse', () => {
    const found = run.outcomes.filter(refusedByBoth);
    expect(found.map(shown)).toEqual([]);
  });

  it('what reaches the upstream through the edge is what was decided on', () => {
    expect(run.misjudged).toEqual([]);
  });

  it('where the edge accepts what one of them refuses, the corpus says why', () => {
    const found = run.outcomes.filter((one) =>
      stricterThanEdge(one).some((other) => one.case.reasons[other] === undefined),
    );
    expect(found.map(shown)).toEqual([]);
  });

  it('what is in order is accepted by all three', () => {
    const found = run.outcomes.filter(
      ({ case: one, received }) =>
        one.class === 'in-order' && Object.values(received).some((all) => extent(all) !== 1),
    );
    expect(found.map(shown)).toEqual([]);
  });
});
