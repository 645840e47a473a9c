#!/usr/bin/env -S UV_THREADPOOL_SIZE=8 MALLOC_MMAP_THRESHOLD_=131072 node --min-semi-space-size=16 --max-semi-space-size=16 --initial-old-space-size=128
// These must be there before the process starts.
// Semi-space: messages on their way live for a few milliseconds; a young generation that holds that much
// saves a fifth of the CPU of persistent traffic. It stays that large: collecting one of 64 MiB took up to 15 ms, one of
// 16 MiB takes less than 10. Old space: chunks of TLS sockets and slabs read back count as garbage of a heap that is
// small, and without that much room for them V8 collects all of it several times a second, for 20 ms each time: a
// quarter of the CPU of writing or reading a backlog. Thread pool: a commit holds a thread for its whole flush.
// Threshold: the C library keeps freed slabs for itself unless they are mapped one by one; after a burst
// the process would look as large as at its peak, and the memory alarm would never clear.
import { suggestion } from '../config/nearest.ts';
import { version } from '../version.ts';
import { commandLine, withFlags } from './command-line.ts';
import { configFlags, runConfig } from './config.ts';
import { givenFlags, usageError } from './flags.ts';
import { perfFlags } from './perf/options.ts';
import { runPerf } from './perf/perf.ts';
import { runCommand } from './run-command.ts';
import { runServer, settingFlags } from './server.ts';

const commands = ['server', 'config', 'perf'];

/** Of a command given by its name yargs lays out the help whether it is asked for or not: a tenth of a start. */
function withoutDefault(args: readonly string[]): readonly string[] {
  const [command, ...others] = args;
  const asksForHelp = others.some((arg) => arg === '--help' || arg === '-h');
  // A second command is a mistake, and not the one that is meant.
  const isClear = !others.some((arg) => commands.includes(arg));
  return command === commands[0] && isClear && !asksForHelp ? others : args;
}

await runCommand('leveret', async (setExitCode) => {
  await commandLine(withoutDefault(process.argv.slice(2)), 'leveret')
    .usage('$0 [command] [flags]')
    .command(
      ['server', '$0'],
      'Run the broker (the default)',
      (argv) => withFlags(argv, settingFlags),
      async (parsed) => {
        const given = givenFlags(parsed, settingFlags);
        const word = given.words.find((each) => each !== 'server');
        if (word !== undefined && commands.includes(word))
          throw usageError(`two commands: server and ${word}`);
        if (word !== undefined) throw usageError(`unknown command ${word}${suggestion(word, commands)}`);
        // Only now: other commands need no broker, and reading it takes them as long as all the rest.
        const { startBroker } = await import('../index.ts');
        setExitCode(await runServer(given.values, startBroker));
      },
    )
    .command(
      'config',
      'Check the configuration (config check) or list it (config show)',
      (argv) => withFlags(argv, configFlags),
      async (parsed) => {
        const sources = { environment: process.env, workingDirectory: process.cwd() };
        setExitCode(await runConfig(givenFlags(parsed, configFlags), sources));
      },
    )
    .command(
      'perf',
      'Put load on an AMQP broker and measure it',
      (argv) => withFlags(argv, perfFlags),
      async (parsed) => setExitCode(await runPerf(givenFlags(parsed, perfFlags))),
    )
    .version(version)
    .epilogue(
      'A flag may also be set in the environment (--data-dir as LEVERET_DATA_DIR) or in leveret.conf.',
    )
    .parseAsync();
});
