import { type LogCategory, logCategories } from '../logger.ts';
import { logFormatters } from '../logs/formatter.ts';
import { type LogLevel, logLevels } from '../logs/level.ts';
import type { SettingReader } from './setting.ts';
import { flag, oneOf, path, type ValueType } from './value.ts';

const chapter = 'Log';
const level = oneOf(logLevels);
const formatter = oneOf(logFormatters);

/** A file name, or `false` for none. */
const fileName: ValueType<string | undefined> = {
  placeholder: '<path>|false',
  expected: 'a path, or false',
  parse: (given) => (given === 'false' ? { value: undefined } : path.parse(given)),
};

/** Where the log goes, and how much of it (RabbitMQ page "Logging"). */
export function readLogSettings(read: SettingReader) {
  return {
    console: read({
      flag: 'log-console',
      fileKeys: ['log.console'],
      type: flag,
      defaultValue: true,
      defaultText: 'true',
      doc: 'Whether the log goes to standard output, where systemd and containers expect it.',
      chapter,
    }),
    consoleLevel: read({
      flag: 'log-level',
      fileKeys: ['log.console.level', 'log.level'],
      type: level,
      defaultValue: 'info',
      defaultText: 'info',
      doc: 'The least severe messages that are logged there.',
      chapter,
      live: true,
    }),
    consoleFormatter: read({
      flag: 'log-console-formatter',
      fileKeys: ['log.console.formatter'],
      type: formatter,
      defaultValue: undefined,
      defaultText: 'plaintext on a terminal, json elsewhere',
      doc: 'One JSON object a line, or lines for people.',
      chapter,
    }),
    file: read({
      flag: 'log-file',
      fileKeys: ['log.file'],
      type: fileName,
      defaultValue: undefined,
      defaultText: 'false',
      doc: 'File that the log goes to as well; it is opened again on SIGHUP, after it was moved away.',
      chapter,
    }),
    fileLevel: read({
      flag: 'log-file-level',
      fileKeys: ['log.file.level'],
      type: level,
      defaultValue: 'info',
      defaultText: 'info',
      doc: 'The least severe messages that are logged there.',
      chapter,
      live: true,
    }),
    fileFormatter: read({
      flag: 'log-file-formatter',
      fileKeys: ['log.file.formatter'],
      type: formatter,
      defaultValue: 'json',
      defaultText: 'json',
      doc: 'One JSON object a line, or lines for people.',
      chapter,
    }),
    directory: read({
      flag: 'log-dir',
      fileKeys: ['log.dir'],
      type: path,
      defaultValue: '.',
      defaultText: 'the working directory',
      doc: 'Directory for a log.file whose name is relative.',
      chapter,
    }),
    categories: readCategoryLevels(read),
  };
}

function readCategoryLevels(read: SettingReader): Partial<Record<LogCategory, LogLevel>> {
  const levels: Partial<Record<LogCategory, LogLevel>> = {};
  for (const category of logCategories) {
    const found = read({
      flag: `log-${category}-level`,
      fileKeys: [`log.${category}.level`],
      type: level,
      defaultValue: category === 'audit' ? 'info' : undefined,
      defaultText: category === 'audit' ? 'info' : 'the level of each output',
      doc: `The least severe messages of the category ${category} that are logged, whatever the output.`,
      chapter,
      live: true,
    });
    if (found !== undefined) levels[category] = found;
  }
  return levels;
}
