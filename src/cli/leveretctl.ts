#!/usr/bin/env node
import { ctl } from './ctl/ctl.ts';
import { runCommand } from './run-command.ts';

await runCommand('leveretctl', () => ctl(process.argv.slice(2), (text) => process.stdout.write(text)));
