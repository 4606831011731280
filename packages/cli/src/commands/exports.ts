import { action, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { type Json, readObject, readObjects, show, showTime } from '../client/reading.ts';
import { type Column, table } from '../output/table.ts';
import { noun } from './options.ts';

/** `exports`: where records go, and how far each export is. */
export const registerExports: CommandFile = (program, session) => {
  noun(program, 'exports', 'where records go besides the database, and how far each is').action(
    action(session, async ({ api, output }) => {
      const list = readObject(await api().get(apiPath('exports')), 'the exports');
      output.result(list, () => table(columns, readObjects(list, 'items').flatMap(linesOf)));
      return 'ok';
    }),
  );
};

interface Line {
  readonly item: Json;
  /** null: nothing was sent yet. */
  readonly progress: Json | null;
}

function linesOf(item: Json): readonly Line[] {
  const progress = readObjects(item, 'progress');
  return progress.length === 0
    ? [{ item, progress: null }]
    : progress.map((one) => ({ item, progress: one }));
}

const columns: readonly Column<Line>[] = [
  { heading: 'NAME', cell: ({ item }) => show(item, 'name') },
  { heading: 'KIND', cell: ({ item }) => show(item, 'kind') },
  { heading: 'TO', cell: ({ item }) => show(item, 'to') },
  ofProgress('WHAT', (one) => show(one, 'what')),
  ofProgress('BEHIND', (one) => show(one, 'behind')),
  ofProgress('MISSED', (one) => show(one, 'missed')),
  ofProgress('FAILING SINCE', (one) => showTime(one, 'failingSince')),
  ofProgress('FAILURE', (one) => show(one, 'failure')),
];

function ofProgress(heading: string, cell: (progress: Json) => string): Column<Line> {
  return { heading, cell: ({ progress }) => (progress === null ? '' : cell(progress)) };
}
