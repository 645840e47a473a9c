import { version } from '../../version.ts';
import { commandLine, withFlags } from '../command-line.ts';
import { configFlags, runConfig } from '../config.ts';
import type { ExitCode } from '../exit-code.ts';
import { givenFlags } from '../flags.ts';
import { perfFlags } from '../perf/options.ts';
import { runPerf } from '../perf/perf.ts';
import { settingFlags } from '../server.ts';
import { serve } from './serve.ts';

/** Whatever `leveret` can be asked for on its command line, help included. */
export async function runAnyCommand(
  args: readonly string[],
  setExitCode: (code: ExitCode) => void,
): Promise<void> {
  await commandLine(args, 'leveret')
    .usage('$0 [command] [flags]')
    .command(
      ['server', '$0'],
      'Run the broker (the default)',
      (argv) => withFlags(argv, settingFlags),
      async (parsed) => setExitCode(await serve(parsed)),
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
}
