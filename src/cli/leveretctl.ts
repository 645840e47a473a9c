#!/usr/bin/env node
import { ctl } from './ctl/ctl.ts';
import { runCommand } from './run-command.ts';

await runCommand('leveretctl', async (setExitCode) => {
  setExitCode(await ctl(process.argv.slice(2), (text) => process.stdout.write(text)));
});
