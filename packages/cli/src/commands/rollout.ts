import type { Command } from 'commander';
import { action, argument, type Call, type CommandFile, type Session } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { readPages } from '../client/pages.ts';
import { type Json, readObject, readText, show, showTime } from '../client/reading.ts';
import type { Exit } from '../exit.ts';
import { writeRows } from '../output/rows.ts';
import { describeRollout, findRollout, followRollout, ringOf, startRollout } from '../rollouts.ts';
import { group, type PageOptions, versionNumber, withPaging } from './options.ts';

const summary = 'let a version go out ring by ring';

/** `rollout`: starts, shows and steers the way of a candidate through the rings. */
export const registerRollout: CommandFile = (program, session) => {
  const rollout = group(program, 'rollout', summary);
  start(rollout, session);
  status(rollout, session);
  list(rollout, session);
  steer(rollout, session, 'promote', 'go on with the next ring now, without the rest of the bake');
  steer(rollout, session, 'pause', 'stay where it is until it is resumed');
  steer(rollout, session, 'resume', 'go on after a pause');
  steer(rollout, session, 'abort', 'roll back: every ring gets the version from before');
};

interface Waiting {
  readonly wait?: boolean;
}

function start(rollout: Command, session: Session): void {
  rollout
    .command('start')
    .summary('let a candidate go out')
    .description(
      'Releases a candidate to the first ring of the settings, then to the next ones, each after its bake time and only while the gates pass. A gate that fails rolls back.',
    )
    .argument('<version>', 'a candidate, of "sallyport apply --candidate"', versionNumber)
    .option('--confirm', 'even if more users lose access than the settings allow')
    .option('--wait', 'follow it to its end; the exit code is 1 where it is rolled back')
    .addHelpText('after', '\nExample:\n  sallyport rollout start 42 --wait')
    .action(
      action<Waiting & { confirm?: boolean }>(session, async (call) => {
        const interrupt = call.options.wait === true ? call.terminal.interrupt() : undefined;
        const version = Number(argument(call, 0));
        const started = await startRollout(
          call.api(interrupt),
          version,
          call.options.confirm === true,
        );
        return finish(call, started, interrupt);
      }),
    );
}

function status(rollout: Command, session: Session): void {
  rollout
    .command('status')
    .summary('show how far a rollout is')
    .description('Shows the rollout with this id, or the newest one.')
    .argument('[id]', 'id of a rollout')
    .option('--wait', 'follow it to its end; the exit code is 1 where it is rolled back')
    .action(
      action<Waiting>(session, async (call) => {
        const interrupt = call.options.wait === true ? call.terminal.interrupt() : undefined;
        return finish(call, await findRollout(call.api(interrupt), call.args[0]), interrupt);
      }),
    );
}

async function finish(
  call: Call<Waiting>,
  first: Json,
  interrupt: AbortSignal | undefined,
): Promise<Exit> {
  const { rollout, exit } =
    interrupt === undefined
      ? { rollout: first, exit: 'ok' as const }
      : await followRollout(call.api(), first, call.output, interrupt);
  call.output.result(rollout, () => describeRollout(rollout));
  return exit;
}

function list(rollout: Command, session: Session): void {
  const command = rollout.command('list').summary('list rollouts, newest first');
  withPaging(command).action(
    action<PageOptions>(session, async ({ api, options, output }) => {
      const page = await readPages(api(), apiPath('rollouts'), {}, options);
      writeRows(
        output,
        [
          { heading: 'ID', cell: (row) => show(row, 'id') },
          { heading: 'VERSION', cell: (row) => show(row, 'version') },
          { heading: 'STATE', cell: (row) => show(row, 'state') },
          { heading: 'STARTED', cell: (row) => showTime(row, 'startedAt') },
          { heading: 'BY', cell: (row) => show(row, 'startedBy') },
          { heading: 'REASON', cell: (row) => show(row, 'reason') },
        ],
        page,
      );
      return 'ok';
    }),
  );
}

function steer(
  rollout: Command,
  session: Session,
  verb: 'promote' | 'pause' | 'resume' | 'abort',
  words: string,
): void {
  const command = rollout
    .command(verb)
    .summary(words)
    .description(`For the rollout with this id, or the newest one: ${words}.`)
    .argument('[id]', 'id of a rollout');
  if (verb === 'abort') command.option('--reason <text>', 'why, kept with it');
  command.action(
    action<{ reason?: string }>(session, async (call) => {
      const api = call.api();
      const [given] = call.args;
      // What somebody sees is promoted, not what the control plane has gone on to meanwhile.
      const seen = given === undefined || verb === 'promote' ? await findRollout(api, given) : null;
      const id = seen === null ? given : readText(seen, 'id');
      const ring = seen !== null && verb === 'promote' ? ringOf(seen) : undefined;
      const { reason } = call.options;
      const path = apiPath('rollouts', id ?? '', verb);
      const said = reason === undefined ? {} : { reason };
      const { body } = await orNotFound(
        api.send('POST', path, said, { ring }),
        `there is no rollout ${id}`,
      );
      const changed = readObject(body, 'the rollout');
      call.output.result(changed, () => describeRollout(changed));
      return 'ok';
    }),
  );
}
