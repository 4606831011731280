import { action, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { readObject, readText, showTime } from '../client/reading.ts';
import { duration, noun } from './options.ts';

/** `edges join-token`: a token with which one edge can join. */
export const registerJoinToken: CommandFile = (program, session) => {
  noun(program, 'edges', '')
    .command('join-token')
    .summary('make a token with which one edge can join')
    .description(
      'Makes a token that is good for one edge. It is shown once, alone on standard output, so that it can go straight into a file.',
    )
    .option('--expires-in <duration>', 'good for 15m, 2h, 7d (default: 1h)', duration)
    .addHelpText(
      'after',
      '\nExample:\n  (umask 077; sallyport edges join-token > join-token)\n  SALLYPORT_JOIN_TOKEN_FILE=join-token … node packages/edge-proxy/src/main.ts',
    )
    .action(
      action<{ expiresIn?: number }>(session, async ({ api, options, output }) => {
        const { expiresIn } = options;
        const wanted = expiresIn === undefined ? {} : { expiresInSeconds: expiresIn };
        const { body } = await api().send('POST', apiPath('edges:join-token'), wanted);
        const made = readObject(body, 'the token');
        output.result(made, () => readText(made, 'token'));
        output.note(`good for one edge, until ${showTime(made, 'expiresAt')}`);
        return 'ok';
      }),
    );
};
